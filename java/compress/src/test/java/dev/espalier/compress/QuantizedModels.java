package dev.espalier.compress;

import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The tiny model in int8, as a directory. */
final class QuantizedModels {
  /** What the tests embed. */
  static final List<String> TEXTS = List.of("a", "b c abc", "", "edcba a b c d e a b c d");

  private QuantizedModels() {}

  /** A tiny model's vectors of {@link #TEXTS}, on the Java backend. */
  static float[][] embed(ModelSource source, ModelOptions options) {
    try (Model model = Model.load(source, options.withBackend("java"))) {
      return new TextEmbedder(model).embed(TEXTS);
    }
  }

  /**
   * Writes the tiny model in int8.
   *
   * @param keep parts that stay as they are
   * @return the directory {@code int8} in {@code temp}
   */
  static Path quantized(Path temp, String keep) {
    Path directory = temp.resolve("int8");
    try (ModelSource source = TinyModels.random(3)) {
      Set<String> names = keep.isEmpty() ? Set.of() : Int8Parts.named(source.config(), keep);
      ModelWriter.write(Quantizer.int8(source, names), directory);
    }
    return directory;
  }
}
