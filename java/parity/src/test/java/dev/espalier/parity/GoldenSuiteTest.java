package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.backend.JavaBackend;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What counts as passing, and what must not. */
class GoldenSuiteTest {
  private static final String FIXTURE = "014-sequenceclassification-h32x2-l1-relu-f32-position-ids";
  private static final Path GOLDENS =
      Path.of(System.getProperty("espalier.root", "../..")).resolve("tests/golden/models");

  @TempDir private Path directory;

  private static ParityReport run(Path path) {
    try (JavaBackend backend = new JavaBackend()) {
      return GoldenSuite.run(path, backend);
    }
  }

  /** A copy of a fixture, to be damaged. */
  private Path copy() throws IOException {
    Path target = Files.createDirectory(directory.resolve("fixture"));
    try (Stream<Path> files = Files.list(GOLDENS.resolve(FIXTURE))) {
      for (Path file : files.toList()) {
        Files.write(target.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    return target;
  }

  /** Rewrites the header of expected.safetensors; the length of the data stays. */
  private static void editHeader(Path fixture, String from, String to) throws IOException {
    Path file = fixture.resolve("expected.safetensors");
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) bytes.getLong();
    String header = new String(bytes.array(), 8, length, StandardCharsets.UTF_8);
    assertTrue(header.contains(from), header);
    byte[] edited = header.replace(from, to).getBytes(StandardCharsets.UTF_8);
    ByteBuffer all =
        ByteBuffer.allocate(8 + edited.length + bytes.capacity() - 8 - length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(edited.length)
            .put(edited)
            .put(bytes.array(), 8 + length, bytes.capacity() - 8 - length);
    Files.write(file, all.array());
  }

  /** Overwrites the first bytes of a tensor of expected.safetensors. */
  private static void editTensor(Path fixture, String name, byte[] values) throws IOException {
    Path file = fixture.resolve("expected.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    JsonNode header = new ObjectMapper().readTree(bytes, 8, length);
    int at = 8 + length + header.get(name).get("data_offsets").get(0).asInt();
    System.arraycopy(values, 0, bytes, at, values.length);
    Files.write(file, bytes);
  }

  private static byte[] f32(float value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array();
  }

  @Test
  void oneFixtureOrAFolderOfThem() {
    ParityReport all = run(GOLDENS);
    assertTrue(all.passed(), all::toText);
    assertEquals(7, all.fixtures().size());
    ParityReport one = run(GOLDENS.resolve(FIXTURE));
    assertEquals(
        List.of(FIXTURE), one.fixtures().stream().map(ParityReport.Fixture::name).toList());
  }

  @Test
  void jsonHasTheAgreedKeys() throws IOException {
    JsonNode json = new ObjectMapper().readTree(run(GOLDENS.resolve(FIXTURE)).toJson());
    assertEquals(List.of("fixtures", "passed"), keys(json));
    JsonNode fixture = json.get("fixtures").get(0);
    assertEquals(List.of("name", "verdict", "outputs"), keys(fixture));
    assertEquals("pass", fixture.get("verdict").asText());
    for (JsonNode output : fixture.get("outputs")) {
      assertEquals(List.of("name", "max_abs", "max_rel", "tolerance", "verdict"), keys(output));
      assertEquals("pass", output.get("verdict").asText(), output::toString);
      assertTrue(output.get("max_rel").isNumber(), output::toString);
      assertTrue(output.get("tolerance").asDouble() <= 2e-5);
    }
    assertTrue(json.get("passed").asBoolean());
  }

  private static List<String> keys(JsonNode node) {
    List<String> keys = new java.util.ArrayList<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void noFixtureIsAnErrorOfItsOwn() {
    assertThrows(NoFixturesException.class, () -> run(directory));
    assertThrows(NoFixturesException.class, () -> run(directory.resolve("missing")));
  }

  @Test
  void aWrongValueFails() throws IOException {
    Path fixture = copy();
    editTensor(fixture, "hidden_states.1", f32(1e3f));
    ParityReport report = run(fixture);
    assertFalse(report.passed());
    assertTrue(report.toText().contains("hidden_states.1: max_rel"), report::toText);
  }

  @Test
  void aNanIsNeverAPass() throws IOException {
    Path fixture = copy();
    editTensor(fixture, "hidden_states.0", f32(Float.NaN));
    ParityReport report = run(fixture);
    assertFalse(report.passed());
    assertTrue(report.toJson().contains("\"max_rel\":null"), report::toJson);
  }

  @Test
  void nothingToCompareFails() throws IOException {
    Path fixture = copy();
    // Every tensor becomes an input of a name that is ignored, or is renamed to one that is not
    // computed.
    editHeader(fixture, "\"hidden_states.0\"", "\"some.output.0\"");
    editHeader(fixture, "\"hidden_states.1\"", "\"some.output.1\"");
    editHeader(fixture, "\"attentions.0\"", "\"some.output.2\"");
    editHeader(fixture, "\"logits\"", "\"some.output.3\"");
    editHeader(fixture, "\"head_mask.", "\"some.masked.");
    ParityReport report = run(fixture);
    assertEquals(Verdict.NOT_YET, report.fixtures().get(0).verdict());
    assertEquals(
        Verdict.FAIL,
        new ParityReport.Fixture("x", List.of(), java.util.Optional.empty()).verdict());
    assertFalse(new ParityReport("x", List.of()).passed());
  }

  @Test
  void whatCannotBeLoadedFailsWithItsReason() throws IOException {
    Path fixture = copy();
    Files.write(fixture.resolve("config.json"), "{".getBytes(StandardCharsets.UTF_8));
    assertFails(fixture, "config.json");
    Files.delete(fixture.resolve("expected.safetensors"));
    assertFails(fixture, "expected.safetensors");
  }

  @Test
  void anOutputThatTheModelHasNotFails() throws IOException {
    Path fixture = copy();
    editHeader(fixture, "\"hidden_states.1\"", "\"hidden_states.7\"");
    assertFails(fixture, "hidden_states.7");
  }

  @Test
  void anIdOutsideTheVocabularyFails() throws IOException {
    Path fixture = copy();
    byte[] id = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(1_000_000).array();
    editTensor(fixture, "input_ids", id);
    assertFails(fixture, "1000000");
  }

  private static void assertFails(Path fixture, String reason) {
    ParityReport report = run(fixture);
    assertFalse(report.passed());
    String problem = report.fixtures().get(0).problem().orElseThrow();
    assertTrue(problem.contains(reason), problem);
    assertTrue(report.toText().contains(problem));
  }
}
