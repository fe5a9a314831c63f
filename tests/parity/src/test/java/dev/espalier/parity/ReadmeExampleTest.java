package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.ModelNotFoundException;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The README's Java is compiled, run, and the same as in the README. */
class ReadmeExampleTest {
  private static final String BEGIN = "// README begins\n";
  private static final String END = "// README ends\n";

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

  @Test
  void theReadmeHoldsThisCode() throws IOException {
    String readme = Files.readString(Shared.inRepository("README.md"));
    int at = readme.indexOf("```java\n");
    assertTrue(at >= 0, "README.md: no ```java block");
    String block = readme.substring(at + "```java\n".length());
    block = block.substring(0, block.indexOf("```"));
    String path = "tests/parity/src/test/java/dev/espalier/parity/ReadmeExampleTest.java";
    String source = Files.readString(Shared.inRepository(path));
    int begin = source.indexOf("    " + BEGIN) + 4 + BEGIN.length();
    String body = source.substring(begin, source.indexOf("    " + END)).stripIndent();
    assertEquals(withoutComments(block), withoutComments(body));
    long code = block.lines().filter(l -> !l.isBlank()).count();
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
}
