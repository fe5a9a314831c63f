package dev.espalier.bench;

import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.DType;
import java.util.List;

/** Espalier through its public API; batches are formed by it, texts are given in arrival order. */
final class EspalierPeer implements Peer {
  private final Model model;
  private final TextEmbedder embedder;

  EspalierPeer(String model, int threads, DType dtype) {
    this.model = Model.load(model, ModelOptions.DEFAULT.withThreads(threads).withDtype(dtype));
    this.embedder = new TextEmbedder(this.model);
  }

  @Override
  public String name() {
    return "espalier";
  }

  Model model() {
    return model;
  }

  TextEmbedder embedder() {
    return embedder;
  }

  @Override
  public float[][] embed(List<String> texts) {
    return embedder.embed(texts);
  }

  @Override
  public void close() {
    model.close();
  }
}
