package dev.espalier.bench;

import dev.espalier.model.EmbeddingSettings;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import java.util.List;
import java.util.function.Function;

/** Espalier through its public API; batches are formed by it, texts are given in arrival order. */
final class EspalierPeer implements Peer {
  private final Model model;
  private final BenchTask task;
  private final Function<List<String>, float[][]> answers;

  EspalierPeer(String model, BenchTask task, int threads, DType dtype) {
    this.model = Model.load(model, ModelOptions.DEFAULT.withThreads(threads).withDtype(dtype));
    this.task = task;
    this.answers = task.ours(this.model);
  }

  @Override
  public String name() {
    return "espalier";
  }

  Model model() {
    return model;
  }

  /** The longest input and, for vectors, how they are made. */
  EmbeddingSettings settings() {
    return task.settings(model);
  }

  /** Tokens of each text. */
  int[] lengths(List<String> texts) {
    return task.lengths(model, texts);
  }

  @Override
  public float[][] embed(List<String> texts) {
    return answers.apply(texts);
  }

  @Override
  public void close() {
    model.close();
  }
}
