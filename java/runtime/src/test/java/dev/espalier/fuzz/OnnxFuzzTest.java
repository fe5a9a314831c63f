package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.OnnxFixture;
import dev.espalier.model.OpenOptions;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** ONNX files: their encoding, and graphs that are almost a BERT. */
class OnnxFuzzTest {
  @TempDir static Path temp;

  static Stream<byte[]> seeds() {
    return Stream.of(
        new OnnxFixture(false, Map.of()).bytes(1),
        new OnnxFixture(true, Map.of()).bytes(1),
        new OnnxFixture(false, Map.of("act", "gelu_fast", "keycut", "unknown")).bytes(1),
        new OnnxFixture(true, Map.of("act", "op")).bytes(2));
  }

  @MethodSource("seeds")
  @FuzzTest
  void readsOrRefuses(byte[] bytes) {
    Path file = Fuzzing.write(temp.resolve("model.onnx"), bytes);
    Fuzzing.readOrRefuse(
        () -> {
          try (ModelSource model = Models.open(file.toString(), OpenOptions.none().withHeads(2))) {
            Fuzzing.readAll(model.weights());
          }
        });
  }
}
