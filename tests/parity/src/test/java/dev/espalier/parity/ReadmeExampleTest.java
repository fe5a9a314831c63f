package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.ModelNotFoundException;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's Java is compiled, run, and the same as in the README. */
class ReadmeExampleTest {
  private static final String BEGIN = "    // README begins\n";
  private static final String END = "    // README ends\n";

  /** What the second example stored. */
  private static final Map<Long, float[]> STORED = new ConcurrentSkipListMap<>();

  private static void example() {
    // README begins
    try (Model model = Model.load("all-minilm-l6-v2")) {
      TextEmbedder embedder = new TextEmbedder(model);
      float[][] v =
          embedder.embed(List.of("The weather is lovely today.", "It's so sunny outside!"));
      float cosine = 0;
      for (int i = 0; i < embedder.dimensions(); i++) {
        cosine += v[0][i] * v[1][i]; // the vectors of this model have length 1
      }
      System.out.println(cosine); // 0.666
    }
    // README ends
  }

  private static void manyCallers(Path file) throws IOException {
    // README begins
    try (Model model = Model.load("all-minilm-l6-v2");
        BatchRunner<String, float[]> runner = new BatchRunner<>(new TextEmbedder(model));
        Stream<String> lines = Files.lines(file)) {
      float[] now = runner.answer("Waits for this answer, from any thread.");
      CompletableFuture<float[]> soon =
          runner.submit("Comes later, or fails.", Duration.ofSeconds(5));
      // By the million, in their order, in bounded memory:
      runner.stream(lines).forEach(r -> store(r.index(), r.orElseThrow()));
      store(-1, soon.join());
    }
    // README ends
  }

  private static void store(long index, float[] vector) {
    STORED.put(index, vector);
  }

  /** The text after each {@code begin}, up to {@code end}. */
  private static List<String> blocks(String text, String begin, String end) {
    List<String> blocks = new ArrayList<>();
    for (int at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at + 1)) {
      int from = at + begin.length();
      blocks.add(text.substring(from, text.indexOf(end, from)));
    }
    return blocks;
  }

  @Test
  void theReadmeHoldsThisCode() throws IOException {
    String readme = Files.readString(Shared.inRepository("README.md"));
    String path = "tests/parity/src/test/java/dev/espalier/parity/ReadmeExampleTest.java";
    String source = Files.readString(Shared.inRepository(path));
    List<String> shown = blocks(readme, "```java\n", "```");
    assertEquals(
        blocks(source, BEGIN, END).stream().map(ReadmeExampleTest::withoutComments).toList(),
        shown.stream().map(ReadmeExampleTest::withoutComments).toList());
    long code = shown.get(0).lines().filter(l -> !l.isBlank()).count();
    assertTrue(code <= 10, () -> "ten lines are promised, there are " + code);
  }

  /** As it runs: without line breaks, which a formatter may move, and comments. */
  private static String withoutComments(String java) {
    return java.replaceAll("(?m)//.*$", "").replaceAll("\\s+", " ").strip();
  }

  @Test
  void itPrintsThePublishedSimilarity() {
    PrintStream console = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      example();
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
    } finally {
      System.setOut(console);
    }
    assertEquals(0.666, Double.parseDouble(printed.toString(StandardCharsets.UTF_8).strip()), 5e-4);
  }

  @Test
  void manyCallersGetTheirVectors(@TempDir Path directory) throws IOException {
    List<String> texts = List.of("The weather is lovely today.", "", "It's so sunny outside!");
    Path file = Files.write(directory.resolve("texts"), texts);
    STORED.clear();
    try {
      manyCallers(file);
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
    }
    assertEquals(List.of(-1L, 0L, 1L, 2L), List.copyOf(STORED.keySet()));
    try (Model model = Model.load("all-minilm-l6-v2")) {
      float[][] alone = new TextEmbedder(model).embed(texts);
      for (int i = 0; i < texts.size(); i++) {
        assertArrayEquals(alone[i], STORED.get((long) i));
      }
    }
  }
}
