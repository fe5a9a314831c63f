package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizeCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path directory;

  private String vocab() {
    return TinyModel.create(directory.resolve("model")).resolve("vocab.txt").toString();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cased", "uncased"})
  void equalsTheRecordedTokens(String kind) throws IOException {
    Path shared = TinyModel.root().resolve("../shared");
    Path fixtures = shared.resolve("golden-text/wordpiece.jsonl");
    Assumptions.assumeTrue(Files.exists(fixtures), "SKIPPED: " + fixtures + " is missing");
    List<JsonNode> expected = new ArrayList<>();
    StringBuilder in = new StringBuilder();
    for (String line : Files.readString(fixtures).split("\n")) {
      ObjectNode all = (ObjectNode) JSON.readTree(line);
      if (all.get("vocab").textValue().equals(kind)) {
        List<String> asked = List.of("text", "pair", "max_length", "truncation", "stride");
        in.append(all.deepCopy().retain(asked)).append('\n');
        all.remove("vocab");
        expected.add(all.remove(asked));
      }
    }
    assertTrue(expected.size() > 800, "fixtures read: " + expected.size());
    String vocab = shared.resolve("data/vocab/bert-base-" + kind + "-vocab.txt").toString();
    List<String> args = new ArrayList<>(List.of("tokenize", "--vocab", vocab));
    if (kind.equals("cased")) {
      args.add("--cased");
    }
    List<String> lines =
        Cli.run(utf8(in.toString()), args.toArray(String[]::new)).expect(0).lines();
    assertEquals(expected.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      assertEquals(expected.get(i), JSON.readTree(lines.get(i)), "line " + (i + 1) + " of " + kind);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        // [CLS] 2, [SEP] 3, a 5, b 6
        "{\"text\":\"a B\"} |"
            + " {\"ids\":[2,5,6,3],\"type_ids\":[0,0,0,0],\"offsets\":[[0,0],[0,1],[2,3],[0,0]],\"special\":[1,0,0,1],\"word_ids\":[null,0,1,null]}",
        "{\"text\":\"\"} |"
            + " {\"ids\":[2,3],\"type_ids\":[0,0],\"offsets\":[[0,0],[0,0]],\"special\":[1,1],\"word_ids\":[null,null]}",
        "{\"text\":\"a\",\"pair\":\"b\",\"other\":[{}]} |"
            + " {\"ids\":[2,5,3,6,3],\"type_ids\":[0,0,0,1,1],\"offsets\":[[0,0],[0,1],[0,0],[0,1],[0,0]],\"special\":[1,0,1,0,1],\"word_ids\":[null,0,null,0,null]}",
        "{\"text\":\"a b a\",\"max_length\":4,\"pair\":null} |"
            + " {\"ids\":[2,5,6,3],\"type_ids\":[0,0,0,0],\"offsets\":[[0,0],[0,1],[2,3],[0,0]],\"special\":[1,0,0,1],\"word_ids\":[null,0,1,null]}",
        "{\"text\":\"a\",\"max_length\":4,\"stride\":0} |"
            + " {\"ids\":[2,5,3],\"type_ids\":[0,0,0],\"offsets\":[[0,0],[0,1],[0,0]],\"special\":[1,0,1],\"word_ids\":[null,0,null],\"overflow\":[]}",
        "{\"text\":\"a b a\",\"max_length\":4,\"stride\":1} |"
            + " {\"ids\":[2,5,6,3],\"type_ids\":[0,0,0,0],\"offsets\":[[0,0],[0,1],[2,3],[0,0]],\"special\":[1,0,0,1],\"word_ids\":[null,0,1,null],\"overflow\":[[2,6,5,3]]}",
        "{\"text\":\"\ud83d\ude00 a\"} |"
            + " {\"ids\":[2,1,5,3],\"type_ids\":[0,0,0,0],\"offsets\":[[0,0],[0,1],[2,3],[0,0]],\"special\":[1,0,0,1],\"word_ids\":[null,0,1,null]}",
      })
  void writesTheFieldsOfTheContract(String in, String expected) {
    Cli.Result result = Cli.run(utf8(in), "tokenize", "--vocab", vocab()).expect(0);
    assertEquals(expected + "\n", result.out());
  }

  @Test
  void aLineThatCannotBeCutIsAnErrorOfThatLine() throws IOException {
    String in =
        "{\"text\":\"a\",\"max_length\":2,\"stride\":7}\n"
            + "{\"text\":\"a\",\"max_length\":1}\n"
            + "{\"text\":\"a\"}\n";
    List<String> lines = Cli.run(utf8(in), "tokenize", "--vocab", vocab()).expect(0).lines();
    assertEquals(3, lines.size());
    assertTrue(
        JSON.readTree(lines.get(0)).get("error").textValue().contains("stride"), lines.get(0));
    assertTrue(
        JSON.readTree(lines.get(1)).get("error").textValue().contains("max_length 1"),
        lines.get(1));
    assertTrue(JSON.readTree(lines.get(2)).has("ids"), lines.get(2));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "7",
        "{",
        "{\"text\":\"a\"} {}",
        "{\"pair\":\"a\"}",
        "{\"text\":null}",
        "{\"text\":\"a\",\"max_length\":\"4\"}",
        "{\"text\":\"a\",\"max_length\":4.5}",
        "{\"text\":\"a\",\"max_length\":99999999999}",
        "{\"text\":\"a\",\"max_length\":-1}",
        "{\"text\":\"a\",\"max_length\":4,\"truncation\":\"some\"}",
      })
  void namesTheLineThatIsWrong(String line) {
    String in = "{\"text\":\"a\"}\n" + line + "\n";
    Cli.Result result = Cli.run(utf8(in), "tokenize", "--vocab", vocab()).expect(3);
    assertTrue(result.err().startsWith("espalier: standard input, line 2: "), result.err());
    assertEquals(1, result.lines().size(), "what came before it is there");
  }
}
