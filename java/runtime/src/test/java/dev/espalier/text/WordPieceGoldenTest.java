package dev.espalier.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Encodings equal what Hugging Face tokenizers gave for the same texts. */
class WordPieceGoldenTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static Path needed(String path) {
    Path file = WordPieceFixtures.shared().resolve(path);
    assumeTrue(Files.isRegularFile(file), "skipped: " + file + " is missing");
    return file;
  }

  private static Map<String, WordPieceTokenizer> tokenizers(Path folder, String suffix)
      throws IOException {
    Path uncased = folder.resolve("bert-base-uncased-" + suffix);
    Path cased = folder.resolve("bert-base-cased-" + suffix);
    return Map.of(
        "uncased",
        WordPieceTokenizer.fromVocab(
            Files.readAllBytes(uncased), Normalization.UNCASED, uncased.toString()),
        "cased",
        WordPieceTokenizer.fromVocab(
            Files.readAllBytes(cased), Normalization.CASED, cased.toString()));
  }

  @Test
  void everySharedFixture() throws IOException {
    Path file = needed("golden-text/wordpiece.jsonl");
    needed("data/vocab/bert-base-cased-vocab.txt");
    int lines =
        check(file, tokenizers(WordPieceFixtures.shared().resolve("data/vocab"), "vocab.txt"));
    assertEquals(2500, lines);
  }

  private static int check(Path file, Map<String, WordPieceTokenizer> tokenizers)
      throws IOException {
    List<String> lines = Files.readAllLines(file);
    for (int i = 0; i < lines.size(); i++) {
      JsonNode line = JSON.readTree(lines.get(i));
      WordPieceTokenizer tokenizer = tokenizers.get(line.get("vocab").textValue());
      WordPieceFixtures.check(tokenizer, line, file.getFileName() + ":" + (i + 1));
    }
    return lines.size();
  }

  @Test
  void batchesEqualTheSharedFixtures() throws IOException {
    Path file = needed("golden-text/wordpiece.jsonl");
    needed("data/vocab/bert-base-uncased-vocab.txt");
    WordPieceTokenizer tokenizer =
        tokenizers(WordPieceFixtures.shared().resolve("data/vocab"), "vocab.txt").get("uncased");
    List<String> texts = new ArrayList<>();
    List<int[]> expected = new ArrayList<>();
    for (String l : Files.readAllLines(file)) {
      JsonNode line = JSON.readTree(l);
      if (line.get("vocab").textValue().equals("uncased") && !line.has("pair")
          && !line.has("max_length")) {
        texts.add(line.get("text").textValue());
        expected.add(WordPieceFixtures.ints(line.get("ids")));
      }
    }
    assertTrue(texts.size() > 500);
    EncodedBatch batch = new EncodedBatch(true);
    for (int threads : new int[] {1, 2, 5}) {
      tokenizer.encodeBatch(texts, Integer.MAX_VALUE, threads, batch);
      assertEquals(texts.size(), batch.size());
      for (int i = 0; i < texts.size(); i++) {
        assertArrayEquals(expected.get(i), batch.ids(i), "text " + i);
      }
    }
  }
}
