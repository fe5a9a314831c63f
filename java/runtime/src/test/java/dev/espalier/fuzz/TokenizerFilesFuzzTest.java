package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.model.TokenizerFiles;
import dev.espalier.text.WordPieceTokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@code tokenizer.json}, {@code tokenizer_config.json} and {@code vocab.txt}. An input's first
 * byte says which it is; a tokenizer that could be loaded must then work.
 */
class TokenizerFilesFuzzTest {
  private static final String VOCAB = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\né\nthe\n";
  private static final String CONFIG =
      """
      {"do_lower_case": true, "strip_accents": null, "model_max_length": 512,
       "cls_token": {"content": "[CLS]"}, "added_tokens_decoder": {"5": {"content": "a", "special": true}}}
      """;

  static Stream<byte[]> seeds() {
    Stream<byte[]> files =
        Stream.of("raw", "added", "lower", "accents")
            .map(n -> Fuzzing.golden().resolve("wordpiece-" + n + ".tokenizer.json"))
            .map(file -> seed(0, Fuzzing.bytes(file)));
    return Stream.concat(files, Stream.of(seed(1, utf8(CONFIG)), seed(2, utf8(VOCAB))));
  }

  private static byte[] seed(int file, byte[] bytes) {
    ByteArrayOutputStream seed = new ByteArrayOutputStream();
    seed.write(file);
    seed.writeBytes(bytes);
    return seed.toByteArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @MethodSource("seeds")
  @FuzzTest
  void readsOrRefuses(byte[] bytes) {
    if (bytes.length == 0) {
      return;
    }
    byte[] file = Arrays.copyOfRange(bytes, 1, bytes.length);
    TokenizerFiles files =
        switch ((bytes[0] & 0xff) % 3) {
          case 0 -> new TokenizerFiles(Optional.of(file), Optional.empty(), Optional.empty(), "it");
          case 1 ->
              new TokenizerFiles(
                  Optional.empty(), Optional.of(utf8(VOCAB)), Optional.of(file), "it");
          default ->
              new TokenizerFiles(Optional.empty(), Optional.of(file), Optional.empty(), "it");
        };
    Fuzzing.readOrRefuse(
        () -> {
          WordPieceTokenizer tokenizer = WordPieceTokenizer.load(files);
          for (String text : List.of("", "a thé [MASK] ab", "\u4e2d\u0301 x\ud800 [CLS]")) {
            Tokens.check(tokenizer, text, null);
          }
        });
  }
}
