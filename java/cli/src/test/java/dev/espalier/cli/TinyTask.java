package dev.espalier.cli;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import dev.espalier.model.Task;
import dev.espalier.tensor.DType;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;

/** The encoder of {@link TinyModel} with a random head of any task. */
final class TinyTask {
  private TinyTask() {}

  /**
   * Makes one.
   *
   * @param labels class names by their ids, or none
   */
  static Path create(Path directory, Task task, String problem, String... labels) {
    Path encoder = TinyModel.create(directory.resolveSibling(directory.getFileName() + ".encoder"));
    try (ModelSource source = Models.open(encoder.toString())) {
      ModelConfig c = source.config();
      Map<Integer, String> names = new TreeMap<>();
      for (String label : labels) {
        names.put(names.size(), label);
      }
      ModelConfig config =
          new ModelConfig(
              List.of(task.architecture()),
              c.vocabSize(),
              c.hiddenSize(),
              c.layers(),
              c.heads(),
              c.intermediateSize(),
              c.activation(),
              c.maxPositions(),
              c.typeVocabSize(),
              c.layerNormEps(),
              c.prunedHeads(),
              c.shapes(),
              names,
              problem,
              true);
      ModelWriter.write(
          new ModelSource(
              "tiny",
              directory.toString(),
              config,
              new WithHead(source.weights(), config),
              source.tokenizer(),
              source.embedding()),
          directory);
    }
    return directory;
  }

  /** A checkpoint with its own head left out and another one put in. */
  private static final class WithHead implements Checkpoint {
    private final Checkpoint encoder;
    private final Map<String, List<Integer>> shapes = new HashMap<>();

    WithHead(Checkpoint encoder, ModelConfig config) {
      this.encoder = encoder;
      int h = config.hiddenSize();
      Task task = config.task();
      if (task.predictsTokens()) {
        linear("cls.predictions.transform.dense", h, h);
        shapes.put("cls.predictions.transform.LayerNorm.weight", List.of(h));
        shapes.put("cls.predictions.transform.LayerNorm.bias", List.of(h));
        shapes.put("cls.predictions.bias", List.of(config.vocabSize()));
      }
      switch (task) {
        case NEXT_SENTENCE, PRE_TRAINING -> linear("cls.seq_relationship", 2, h);
        case QUESTION_ANSWERING -> linear("qa_outputs", 2, h);
        case SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION ->
            linear("classifier", config.labels().size(), h);
        default -> {}
      }
    }

    private void linear(String name, int outputs, int inputs) {
      shapes.put(name + ".weight", List.of(outputs, inputs));
      shapes.put(name + ".bias", List.of(outputs));
    }

    @Override
    public Set<String> names() {
      Set<String> names = new TreeSet<>(encoder.names());
      names.removeIf(n -> n.startsWith("classifier."));
      names.addAll(shapes.keySet());
      return names;
    }

    @Override
    public TensorInfo info(String name) {
      return shapes.containsKey(name)
          ? new TensorInfo(name, DType.F32, shapes.get(name), "memory")
          : encoder.info(name);
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      if (!shapes.containsKey(name)) {
        encoder.read(name, first, target, offset, count);
        return;
      }
      for (int i = 0; i < count; i++) {
        SplittableRandom random = new SplittableRandom(name.hashCode() * 31L + first + i);
        target[offset + i] = (float) random.nextDouble(-1, 1);
      }
    }

    @Override
    public void readCodes(String name, long first, byte[] target, int offset, int count) {
      encoder.readCodes(name, first, target, offset, count);
    }

    @Override
    public String format() {
      return "memory";
    }

    @Override
    public void close() {}
  }
}
