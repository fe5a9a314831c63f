package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.format.TensorBundle;
import dev.espalier.format.TensorBundleWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Indices of TensorFlow checkpoints. Of an input that begins with 0 the rest is a whole file; else
 * it is the entries of a block, which is put into a table with the right checksums.
 */
class TensorFlowFuzzTest {
  @TempDir static Path temp;

  static Stream<byte[]> seeds() {
    TensorBundleWriter writer =
        new TensorBundleWriter()
            .addFloats("bert/embeddings/word_embeddings", List.of(2, 2), 1, 2, 3, 4)
            .addFloats("bert/embeddings/word_embeddings/adam_m", List.of(2), 5, 6);
    return Stream.of(seed(0, writer.index()), seed(1, writer.block()));
  }

  private static byte[] seed(int kind, byte[] bytes) {
    byte[] seed = new byte[bytes.length + 1];
    seed[0] = (byte) kind;
    System.arraycopy(bytes, 0, seed, 1, bytes.length);
    return seed;
  }

  @MethodSource("seeds")
  @FuzzTest
  void readsOrRefuses(byte[] bytes) {
    if (bytes.length == 0) {
      return;
    }
    byte[] rest = Arrays.copyOfRange(bytes, 1, bytes.length);
    Fuzzing.write(temp.resolve("m.data-00000-of-00001"), new byte[64]);
    Path index =
        Fuzzing.write(
            temp.resolve("m.index"), bytes[0] == 0 ? rest : TensorBundleWriter.table(rest));
    Fuzzing.readOrRefuse(
        () -> {
          try (TensorBundle bundle = TensorBundle.open(index)) {
            for (String name : bundle.names()) {
              Fuzzing.readOrRefuse(() -> bundle.read(name, 0, new float[1], 0, 1));
            }
          }
        });
  }
}
