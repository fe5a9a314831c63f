package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.CpuBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each way of going wrong ends with, and that the message names it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExitCodeTest {
  @TempDir static Path directory;
  private String model;
  private String bare;

  @BeforeAll
  void makeModels() throws IOException {
    model = TinyModel.create(directory.resolve("model")).toString();
    bare = TinyModel.create(directory.resolve("bare"), false).toString();
    Files.createDirectories(directory.resolve("empty"));
    Files.writeString(directory.resolve("texts.txt"), "a b\n");
    Files.write(
        directory.resolve("latin1.txt"), new byte[] {'o', 'k', '\n', 'a', (byte) 0xe9, 'b', '\n'});
    Files.copy(Path.of(model, "config.json"), directory.resolve("empty/config.json"));
  }

  private Cli.Result run(String line) {
    String[] args = line.isEmpty() ? new String[0] : line.split(" ");
    for (int i = 0; i < args.length; i++) {
      args[i] =
          args[i]
              .replace("MODEL", model)
              .replace("BARE", bare)
              .replace("DIR", directory.toString());
    }
    return Cli.run(args);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // wrong usage
        "''                                                             | 2 | Usage: espalier",
        "emebd                                                          | 2 | did you mean embed",
        "--verbose                                                      | 2 | unknown option"
            + " --verbose",
        "embed                                                          | 2 | --model",
        "embed --model MODEL                                            | 2 | give --text or --in",
        "embed --model MODEL --text a --in -                            | 2 | not both",
        "embed --model MODEL --text a --out x.csv                       | 2 | .npy or .jsonl",
        "embed --model MODEL --text a --threads 0                       | 2 | --threads must be 1"
            + " to 4096, got 0",
        "embed --model MODEL --text a --threads 4097                    | 2 | --threads must be 1"
            + " to 4096, got 4097",
        "embed --model MODEL --text a --threads two                     | 2 | two",
        "embed --model MODEL --text a --batch-tokens 0                  | 2 | --batch-tokens",
        "embed --model MODEL --text a --max-length 1                    | 2 | --max-length",
        "embed --model MODEL --text a --pooling median                  | 2 | median",
        "embed --model MODEL --text a --backend gpu                     | 2 | gpu",
        "embed --model MODEL --text a --isa mmx                         | 2 | mmx",
        "embed --model MODEL --text a --colour                          | 2 | --colour",
        "similarity --model MODEL a                                     | 2 | B",
        "tokenize                                                       | 2 | --model or --vocab",
        "tokenize --model MODEL --vocab DIR/model/vocab.txt             | 2 | not both",
        "tokenize --model MODEL --cased                                 | 2 | --cased",
        "parity                                                         | 2 | --golden",
        "inspect                                                        | 2 | M",
        "help nothing                                                   | 2 | nothing",
        // bad input
        "embed --model no-such-model --text a                           | 3 | no-such-model",
        "embed --model DIR/empty --text a                               | 3 | DIR/empty",
        "embed --model BARE --text a                                    | 3 | --pooling",
        "embed --model MODEL --text a --max-length 9999                 | 3 | 9999",
        "embed --model MODEL --text a --prompt query                    | 3 | query",
        "embed --model MODEL --in DIR/none.txt                          | 3 | none.txt",
        "embed --model MODEL --in DIR                                   | 3 | DIR",
        "embed --model MODEL --in DIR/latin1.txt --out DIR/x.npy        | 3 | latin1.txt, line 2:"
            + " not UTF-8: byte 0xe9 at byte 1 of the line (byte 4",
        "embed --model MODEL --text a --out DIR/none/x.npy              | 3 | no such directory:"
            + " DIR/none",
        "tokenize --vocab DIR/none.txt                                  | 3 | none.txt",
        "inspect DIR/none                                               | 3 | none",
        "parity --golden DIR/empty                                      | 3 | DIR/empty",
        "parity --golden DIR/none                                       | 3 | DIR/none",
        // missing backend
        "embed --model MODEL --text a --backend cuda                    | 4 | cuda",
        "parity --golden DIR --backend cuda                             | 4 | cuda",
      })
  void endsWithItsCode(String line, int code, String message) {
    Cli.Result result = run(line.strip()).expect(code);
    String expected = message.strip().replace("DIR", directory.toString());
    assertTrue(
        result.err().contains(expected), () -> "expected \"" + expected + "\" in: " + result.err());
    assertEquals("", result.out());
    assertFalse(result.err().contains("\tat "), result.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--version",
        "--help",
        "-h",
        "help",
        "help embed",
        "models",
        "models --json",
        "embed --model MODEL --text a --backend java",
        "embed --model BARE --pooling cls --text a --backend java",
        "similarity --model MODEL --backend java a b",
        "inspect MODEL --backend java",
        "inspect MODEL --backend java --json",
        "tokenize --model MODEL",
        "parity --golden DIR/model --backend java"
      })
  void endsWell(String line) {
    Cli.Result result = run(line).expect(0);
    assertEquals("", result.err());
  }

  @Test
  void asksForTheNativeBackendOnlyWhereItIs() {
    run("embed --model MODEL --text a --backend cpu").expect(CpuBackend.isAvailable() ? 0 : 4);
  }

  @Test
  void saysThatAutoFellBack() {
    Cli.Result result = run("embed --model MODEL --text a").expect(0);
    assertEquals(!CpuBackend.isAvailable(), result.err().contains("slow java reference"));
  }

  @Test
  void showsStackTracesOnlyWhenAsked() {
    assertTrue(
        run("embed --debug --model no-such-model --text a").expect(3).err().contains("\tat "));
    assertFalse(run("embed --model no-such-model --text a").expect(3).err().contains("\tat "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "embed",
        "similarity",
        "classify",
        "ner",
        "qa",
        "fill-mask",
        "rerank",
        "tokenize",
        "inspect",
        "models",
        "evaluate",
        "parity",
        "doctor"
      })
  void helpTeaches(String command) {
    String help = run(command + " --help").expect(0).out();
    assertTrue(help.startsWith("Usage: espalier " + command), help);
    assertTrue(help.contains("\n  espalier " + command), "an example in " + help);
    assertTrue(help.lines().allMatch(l -> l.length() <= 100), help);
    assertTrue(run("--help").out().contains("\n  " + command + " "));
  }
}
