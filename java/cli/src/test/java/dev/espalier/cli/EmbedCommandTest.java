package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What embed writes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EmbedCommandTest {
  private static final List<String> TEXTS =
      List.of("a b c", "", "x", "\u00e9 \"quoted\" \\ \u2028 \ud83d\ude00", "", "z y x w v u t");

  @TempDir static Path directory;
  private String model;

  @BeforeAll
  void makeModel() {
    model = TinyModel.create(directory.resolve("model")).toString();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private float[][] expected(List<String> texts) {
    try (Model m = Model.load(model, ModelOptions.DEFAULT.withBackend("java"))) {
      return new TextEmbedder(m).embed(texts);
    }
  }

  private Cli.Result embed(byte[] in, String... more) {
    List<String> args = new ArrayList<>(List.of("embed", "--model", model, "--backend", "java"));
    args.addAll(List.of(more));
    return Cli.run(in, args.toArray(String[]::new));
  }

  private static void assertSame(List<String> texts, float[][] vectors, List<String> lines)
      throws IOException {
    assertEquals(texts.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      JsonNode line = new ObjectMapper().readTree(lines.get(i));
      List<String> fields = new ArrayList<>();
      line.fieldNames().forEachRemaining(fields::add);
      assertEquals(List.of("index", "text", "embedding"), fields);
      assertEquals(i, line.get("index").intValue());
      assertEquals(texts.get(i), line.get("text").textValue());
      float[] values = new float[line.get("embedding").size()];
      for (int k = 0; k < values.length; k++) {
        values[k] = Float.parseFloat(line.get("embedding").get(k).asText());
      }
      assertArrayEquals(vectors[i], values, "text " + i);
    }
  }

  /** A .npy file of float32 [n, h] as NumPy's documentation describes the format. */
  private static float[][] readNpy(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[8];
    bytes.get(magic);
    assertArrayEquals(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}, magic);
    byte[] header = new byte[Short.toUnsignedInt(bytes.getShort())];
    bytes.get(header);
    assertEquals(0, bytes.position() % 64, "the data is aligned");
    String text = new String(header, StandardCharsets.US_ASCII);
    String shape =
        text.replaceFirst(
            "^\\{'descr': '<f4', 'fortran_order': False, 'shape': \\((\\d+, \\d+)\\), } *\n$",
            "$1");
    int n = Integer.parseInt(shape.split(", ")[0]);
    int h = Integer.parseInt(shape.split(", ")[1]);
    assertEquals(4L * n * h, bytes.remaining());
    float[][] rows = new float[n][h];
    for (float[] row : rows) {
      for (int i = 0; i < h; i++) {
        row[i] = bytes.getFloat();
      }
    }
    return rows;
  }

  private void assertNoLeftovers(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      assertEquals(List.of(), files.filter(f -> f.toString().endsWith(".tmp")).toList());
    }
  }

  @Test
  void writesJsonLinesThatReadBack() throws IOException {
    String in = String.join("\n", TEXTS) + "\n";
    assertSame(TEXTS, expected(TEXTS), embed(utf8(in), "--in", "-").expect(0).lines());
    assertSame(
        TEXTS, expected(TEXTS), embed(utf8(in), "--in", "-", "--out", "-").expect(0).lines());
    Path file = directory.resolve("texts.txt");
    Files.writeString(file, in.replace("\n", "\r\n"));
    Path out = directory.resolve("v.jsonl");
    Cli.Result result = embed(utf8(""), "--in", file.toString(), "--out", out.toString()).expect(0);
    assertEquals("", result.out());
    assertSame(TEXTS, expected(TEXTS), List.of(Files.readString(out).split("\n")));
    assertNoLeftovers(directory);
  }

  @Test
  void takesTextsFromTheCommandLine() throws IOException {
    List<String> args = new ArrayList<>();
    List<String> texts = new ArrayList<>(TEXTS);
    texts.addAll(
        List.of("@file", "two\nlines", "${sys:user.name}", "-5 degrees", "it's, a \"list\""));
    texts.forEach(t -> args.add("--text=" + t));
    Cli.Result result = embed(utf8(""), args.toArray(String[]::new)).expect(0);
    assertSame(texts, expected(texts), result.lines());
  }

  @Test
  void writesNpyThatReadsBack() throws IOException {
    Path out = directory.resolve("v.npy");
    Files.writeString(out, "what was there before");
    embed(utf8(String.join("\n", TEXTS)), "--in", "-", "--out", out.toString()).expect(0);
    assertArrayEquals(expected(TEXTS), readNpy(out));
    assertNoLeftovers(directory);
  }

  @Test
  void noTextsAreNoRows() throws IOException {
    Path out = directory.resolve("none.npy");
    embed(utf8(""), "--in", "-", "--out", out.toString()).expect(0);
    assertEquals(0, readNpy(out).length);
    assertEquals("", embed(utf8(""), "--in", "-").expect(0).out());
  }

  @Test
  void manyChunksAreOneOutput() throws IOException {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      texts.add(Integer.toString(i, 26 + 10).replaceAll("[0-9]", "q ") + " b".repeat(i % 7));
    }
    Path out = directory.resolve("many.npy");
    embed(
            utf8(String.join("\n", texts) + "\n"),
            "--in",
            "-",
            "--out",
            out.toString(),
            "--batch-tokens",
            "64")
        .expect(0);
    assertArrayEquals(expected(texts), readNpy(out));
  }

  @Test
  void takesALineOfTenMegabytes() throws IOException {
    String text = "a ".repeat(5_000_000);
    List<String> lines = embed(utf8("x\n" + text + "\ny\n"), "--in", "-").expect(0).lines();
    List<String> texts = List.of("x", text, "y");
    assertSame(texts, expected(texts), lines);
  }

  @Test
  void optionsChangeVectors() throws IOException {
    String standard = embed(utf8(""), "--text", "a b c d").expect(0).out();
    String[][] variants = {
      {"--pooling", "cls"}, {"--pooling", "max"}, {"--no-normalize"}, {"--max-length", "3"}
    };
    for (String[] variant : variants) {
      List<String> args = new ArrayList<>(List.of("--text", "a b c d"));
      args.addAll(List.of(variant));
      String changed = embed(utf8(""), args.toArray(String[]::new)).expect(0).out();
      assertFalse(changed.equals(standard), String.join(" ", variant));
    }
    JsonNode cut =
        new ObjectMapper()
            .readTree(embed(utf8(""), "--text", "a b c d", "--max-length", "3").expect(0).out());
    JsonNode one = new ObjectMapper().readTree(embed(utf8(""), "--text", "a").expect(0).out());
    assertEquals(one.get("embedding"), cut.get("embedding"));
  }

  @Test
  void leavesNothingOfAFailure() throws IOException {
    Path place = Files.createDirectories(directory.resolve("failure"));
    byte[] in = {'a', '\n', (byte) 0xff, '\n'};
    for (String name : new String[] {"x.npy", "x.jsonl"}) {
      Path out = place.resolve(name);
      Files.writeString(out, "before");
      if (name.endsWith(".npy")) { // which has no place for an error
        Cli.Result result = embed(in, "--in", "-", "--out", out.toString()).expect(3);
        assertTrue(result.err().contains("standard input, line 2"), result.err());
        assertEquals("before", Files.readString(out));
      }
      Cli.run("embed", "--model", "no-such-model", "--text", "a", "--out", out.toString())
          .expect(3);
      assertEquals("before", Files.readString(out));
    }
    assertNoLeftovers(place);
  }

  @Test
  void aBadTextIsSaidInItsPlaceAndTheOthersHaveVectors() throws IOException {
    byte[] in = {'a', '\n', (byte) 0xff, '\n', '{', 'b', '\n'};
    Path out = directory.resolve("errors.jsonl");
    Cli.Result result = embed(in, "--in", "-", "--out", out.toString()).expect(3);
    assertTrue(result.err().contains("standard input, line 2: not UTF-8"), result.err());
    List<String> lines = Files.readAllLines(out);
    assertEquals(lines, embed(in, "--in", "-").expect(3).lines());
    JsonNode error = new ObjectMapper().readTree(lines.get(1));
    assertEquals(2, error.size());
    assertEquals(1, error.get("index").intValue());
    assertTrue(error.get("error").textValue().contains("standard input, line 2"), lines.get(1));
    assertEquals(
        embed(utf8("a\n\n{b\n"), "--in", "-").expect(0).lines().get(2),
        lines.get(2),
        "what follows keeps its index and its vector");
    String table = embed(in, "--in", "-", "--table").expect(3).out();
    assertTrue(table.startsWith("item  vector") && table.contains("ERROR: "), table);
    assertTrue(table.endsWith("  {b\n"), table);
    Cli.Result both = embed(in, "--in", "-", "--table", "--out", out.toString()).expect(2);
    assertTrue(both.err().contains("--table"), both.err());
  }

  @Test
  void aFileOfJsonLinesMayHoldObjects() throws IOException {
    Path in = directory.resolve("in.jsonl");
    Files.writeString(in, "{\"text\":\"a b c\"}\na b c\n{\"text\":1}\n{\n");
    List<String> lines = embed(utf8(""), "--in", in.toString()).expect(3).lines();
    assertEquals(4, lines.size());
    List<String> texts = List.of("a b c", "a b c");
    assertSame(texts, expected(texts), lines.subList(0, 2));
    assertTrue(lines.get(2).contains("line 3: \\\"text\\\" is not a string"), lines.get(2));
    assertTrue(lines.get(3).contains("line 4: not JSON"), lines.get(3));
    // From elsewhere, a text may begin as it likes.
    String brace = "{\"text\":\"a\"}";
    List<String> plain = embed(utf8(brace + "\n"), "--in", "-").expect(0).lines();
    assertSame(List.of(brace), expected(List.of(brace)), plain);
  }

  @Test
  void doesNotReplaceADirectory() throws IOException {
    Path out = Files.createDirectories(directory.resolve("d.npy"));
    Cli.Result result = embed(utf8(""), "--text", "a", "--out", out.toString()).expect(3);
    assertTrue(result.err().contains("it is a directory"), result.err());
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path target = directory.resolve("target.npy");
    Files.writeString(target, "old");
    Path link = Files.createSymbolicLink(directory.resolve("link.npy"), target);
    embed(utf8(""), "--text", "a", "--out", link.toString()).expect(0);
    assertTrue(Files.isSymbolicLink(link));
    assertArrayEquals(expected(List.of("a")), readNpy(target));
  }

  @Test
  @Timeout(60)
  void answersALineBeforeTheNextIsWritten() throws Exception {
    try (PipedOutputStream question = new PipedOutputStream();
        PipedInputStream in = new PipedInputStream(question);
        PipedOutputStream out = new PipedOutputStream();
        PipedInputStream answer = new PipedInputStream(out, 1 << 16)) {
      String[] args = {"embed", "--model", model, "--backend", "java", "--in", "-"};
      CompletableFuture<Integer> code =
          CompletableFuture.supplyAsync(() -> Main.run(args, in, out, new PrintStream(System.err)));
      for (int i = 0; i < 3; i++) {
        question.write(utf8("a b\n"));
        question.flush();
        StringBuilder line = new StringBuilder();
        for (int c = answer.read(); c != '\n'; c = answer.read()) {
          line.append((char) c);
        }
        assertEquals(i, new ObjectMapper().readTree(line.toString()).get("index").intValue());
      }
      question.close();
      assertEquals(0, code.get(30, TimeUnit.SECONDS));
    }
  }

  /** Lines are read far ahead of what is computed: that is not how far it is. */
  @Test
  @Timeout(120)
  void progressIsOfWhatIsDone() throws IOException {
    Assumptions.assumeFalse("dumb".equals(System.getenv("TERM")), "SKIPPED: TERM is dumb");
    int lines = 8_000;
    Path in = Files.writeString(directory.resolve("lines.txt"), "a b c d\n".repeat(lines));
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    StandardOutput out = new StandardOutput(OutputStream.nullOutputStream(), false);
    Console console =
        new Console(
            InputStream.nullInputStream(),
            out,
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            true);
    String[] args = {
      "embed",
      "--model",
      model,
      "--backend",
      "java",
      "--threads",
      "1",
      "--batch-tokens",
      "6",
      "--in",
      in.toString(),
      "--out",
      directory.resolve("lines.npy").toString()
    };
    assertEquals(0, Main.run(args, console));
    Matcher painted =
        Pattern.compile("] +(\\d+)%[^\r]*, ([\\d,]+) texts")
            .matcher(err.toString(StandardCharsets.UTF_8));
    int seen = 0;
    while (painted.find()) {
      double share = Integer.parseInt(painted.group(1)) / 100.0;
      double done = Double.parseDouble(painted.group(2).replace(",", "")) / lines;
      assertEquals(done, share, 0.02, painted.group());
      seen++;
    }
    Assumptions.assumeTrue(seen > 0, "SKIPPED: done before progress is shown");
  }
}
