package dev.espalier.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.model.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

  @Test
  void everySample() throws IOException {
    Path folder = WordPieceFixtures.root().resolve("tests/golden");
    Map<String, WordPieceTokenizer> tokenizers = new HashMap<>();
    for (String name : List.of("uncased", "cased", "accents", "lower", "added", "raw", "unclean")) {
      byte[] json = Files.readAllBytes(folder.resolve("wordpiece-" + name + ".tokenizer.json"));
      tokenizers.put(
          name,
          WordPieceTokenizer.load(
              new TokenizerFiles(Optional.of(json), Optional.empty(), Optional.empty(), name)));
    }
    assertEquals(123, check(folder.resolve("wordpiece-sample.jsonl"), tokenizers));
  }

  @Test
  void restatedFactsOfPublicTests() throws IOException {
    Path file = needed("data/vectors/tokenization.json");
    JsonNode facts = JSON.readTree(file.toFile());
    for (String group : List.of("toy_vocab", "wordpiece")) {
      List<String> vocabulary = strings(facts.get(group).get("vocab"));
      for (JsonNode fact : facts.get(group).get("cases")) {
        boolean lower = fact.path("lower").asBoolean(false);
        WordPieceTokenizer t =
            WordPieceTokenizer.fromVocab(
                vocabulary, lower ? Normalization.UNCASED : Normalization.CASED);
        check(t, fact, group);
      }
    }
    for (JsonNode fact : facts.get("basic").get("cases")) {
      boolean lower = fact.get("lower").booleanValue();
      boolean strip = fact.path("strip_accents").asBoolean(lower);
      List<String> words = new ArrayList<>(List.of("[UNK]", "[CLS]", "[SEP]"));
      List<String> tokens = strings(fact.get("tokens"));
      tokens.stream().filter(w -> !words.contains(w)).distinct().forEach(words::add);
      check(
          WordPieceTokenizer.fromVocab(words, new Normalization(true, true, strip, lower)),
          fact,
          "basic");
    }
    needed("data/vocab/bert-base-cased-vocab.txt");
    Map<String, WordPieceTokenizer> bert =
        tokenizers(WordPieceFixtures.shared().resolve("data/vocab"), "vocab.txt");
    for (String kind : List.of("uncased", "cased")) {
      for (JsonNode fact : facts.get("bert_base_" + kind).get("cases")) {
        String pair = fact.has("pair") ? fact.get("pair").textValue() : null;
        Encoding e =
            bert.get(kind).encode(fact.get("text").textValue(), pair, Truncation.NONE, true);
        if (fact.has("ids")) {
          assertArrayEquals(WordPieceFixtures.ints(fact.get("ids")), e.ids());
        } else {
          assertEquals(strings(fact.get("tokens")), tokens(bert.get(kind), e));
        }
        for (int i = 0; i < e.size(); i++) {
          assertArrayEquals(WordPieceFixtures.ints(fact.get("offsets").get(i)), e.offsets()[i]);
        }
      }
    }
  }

  private static void check(WordPieceTokenizer tokenizer, JsonNode fact, String group) {
    String text = fact.get("text").textValue();
    Encoding e = tokenizer.encode(text, null, Truncation.NONE, false);
    assertEquals(strings(fact.get("tokens")), tokens(tokenizer, e), group + ": " + text);
    if (fact.has("ids")) {
      assertArrayEquals(WordPieceFixtures.ints(fact.get("ids")), e.ids(), group + ": " + text);
    }
  }

  private static List<String> tokens(WordPieceTokenizer tokenizer, Encoding e) {
    return Arrays.stream(e.ids()).mapToObj(tokenizer::token).toList();
  }

  private static List<String> strings(JsonNode array) {
    List<String> strings = new ArrayList<>();
    array.forEach(s -> strings.add(s.textValue()));
    return strings;
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
      if (line.get("vocab").textValue().equals("uncased")
          && !line.has("pair")
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
