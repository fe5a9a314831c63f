package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.espalier.format.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every golden directory opens, under canonical names, with every tensor of its shape, finite and
 * readable.
 */
class GoldenModelsTest {
  @TestFactory
  Stream<DynamicTest> committedGoldens() throws IOException {
    return tests(Path.of(System.getProperty("espalier.root"), "tests", "golden", "models"));
  }

  @TestFactory
  Stream<DynamicTest> sharedGoldens() throws IOException {
    Path shared = Path.of(System.getProperty("espalier.root"), "..", "shared", "golden");
    assumeTrue(Files.isDirectory(shared), "skipped: " + shared + " is missing");
    List<DynamicTest> tests = tests(shared).toList();
    assertTrue(tests.size() >= 27, "found " + tests.size() + " goldens, expected 27 or more");
    return tests.stream();
  }

  private static Stream<DynamicTest> tests(Path folder) throws IOException {
    try (Stream<Path> directories = Files.list(folder)) {
      return directories
          .filter(d -> Files.exists(d.resolve("config.json")))
          .sorted()
          .map(d -> DynamicTest.dynamicTest(d.getFileName().toString(), () -> check(d)))
          .toList()
          .stream();
    }
  }

  private static void check(Path directory) {
    try (ModelSource model = Models.open(directory.toString())) {
      Map<String, List<Integer>> shapes = EncoderTensors.required(model.config());
      shapes.forEach(
          (name, shape) -> assertEquals(shape, model.weights().info(name).shape(), name));
      String folder = directory.getFileName().toString();
      assertEquals(!folder.contains("nopool"), model.hasPooler() || withoutPooler(folder), folder);
      assertEquals(folder.contains("-pruned"), !model.config().prunedHeads().isEmpty(), folder);
      assertFalse(model.weights().contains("embeddings.position_ids"));
      long parameters = 0;
      for (String name : model.weights().names()) {
        assertFalse(
            name.startsWith("bert.") || name.contains("gamma") || name.contains("beta"), name);
        TensorInfo info = model.weights().info(name);
        float[] values = new float[Math.toIntExact(info.elements())];
        model.weights().read(name, 0, values, 0, values.length);
        for (float v : values) {
          assertTrue(Float.isFinite(v), name);
        }
        parameters += values.length;
      }
      assertEquals(parameters, model.parameters());
    }
  }

  /** Task models whose encoder transformers builds without a pooler. */
  private static boolean withoutPooler(String folder) {
    return Stream.of("maskedlm", "tokenclassification", "questionanswering")
        .anyMatch(folder::contains);
  }
}
