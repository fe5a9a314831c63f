package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.format.SafetensorsFile;
import dev.espalier.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Headers and data of safetensors files. */
class SafetensorsFuzzTest {
  @TempDir static Path temp;

  static Stream<byte[]> seeds() throws IOException {
    Path tiny = TinyModel.write(temp.resolve("tiny"), TinyModel.CONFIG, UnaryOperator.identity());
    return Stream.of(
        Fuzzing.bytes(tiny.resolve("model.safetensors")),
        Fuzzing.bytes(
            Fuzzing.golden()
                .resolve(
                    "models/014-sequenceclassification-h32x2-l1-relu-f32-position-ids/expected.safetensors")));
  }

  @MethodSource("seeds")
  @FuzzTest
  void readsOrRefuses(byte[] bytes) {
    Path path = Fuzzing.write(temp.resolve("model.safetensors"), bytes);
    Fuzzing.readOrRefuse(
        () -> {
          try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (String name : file.names()) {
              Fuzzing.readOrRefuse(() -> file.readDoubles(name));
              Fuzzing.readOrRefuse(() -> file.readLongs(name));
            }
            Fuzzing.readAll(file);
          }
        });
  }
}
