package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.model.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --head-masks FILE --mask NAME}, on a model of one layer of two heads. */
class HeadMaskArgsTest {
  @TempDir static Path directory;

  @BeforeAll
  static void make() throws IOException {
    TinyTask.create(directory.resolve("m"), Task.SEQUENCE_CLASSIFICATION, null, "no", "yes");
    masks("two.json", "{\"whole\": [[1, 1]], \"off\": [[0, 1]]}");
    masks("one.json", "{\"off\": [[0, 1]]}");
    Files.writeString(
        directory.resolve("wide.json"),
        "{\"format\": 1, \"layers\": 1, \"heads\": 3, \"masks\": {\"a\": [[1, 1, 1]]}}");
  }

  private static void masks(String file, String masks) throws IOException {
    Files.writeString(
        directory.resolve(file),
        "{\"format\": 1, \"layers\": 1, \"heads\": 2, \"masks\": " + masks + "}");
  }

  private static Cli.Result run(String line) {
    return Cli.run(line.replace("DIR", directory.toString()).split(" +"));
  }

  private static String classify(String options) {
    return run("classify --model DIR/m --text a " + options).expect(ExitCode.OK).out();
  }

  private static String embed(String options) {
    return run("embed --model DIR/m.encoder --text a " + options).expect(ExitCode.OK).out();
  }

  @Test
  void theMaskThatIsNamedHolds() {
    String whole = classify("");
    String off = classify("--head-masks DIR/two.json --mask off");
    assertEquals(whole, classify("--head-masks DIR/two.json --mask whole"));
    assertNotEquals(whole, off);
    assertEquals(off, classify("--head-masks DIR/one.json"), "the only one there");
    assertEquals(embed(""), embed("--head-masks DIR/two.json --mask whole"));
    assertEquals(embed("--head-masks DIR/one.json"), embed("--head-masks DIR/two.json --mask off"));
    assertNotEquals(embed(""), embed("--head-masks DIR/one.json"));
  }

  /** A head that is off is one that was removed. */
  @Test
  void aMaskGivesWhatACutGives() {
    run("prune DIR/m.encoder --out DIR/cut --heads {\"0\":[0]}").expect(ExitCode.OK);
    double[] cut = numbers(run("embed --model DIR/cut --text a").expect(ExitCode.OK).out());
    double[] masked = numbers(embed("--head-masks DIR/one.json"));
    assertEquals(cut.length, masked.length);
    for (int i = 0; i < cut.length; i++) {
      // Vectors of length 1, both within the bound of whole models.
      assertEquals(cut[i], masked[i], 4e-5);
    }
  }

  private static double[] numbers(String vector) {
    String[] values = vector.replaceAll(".*\\[|\\].*", "").strip().split("[, ]+");
    double[] numbers = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      numbers[i] = Double.parseDouble(values[i]);
    }
    return numbers;
  }

  @Test
  void saysWhatIsWrong() {
    String model = "classify --model DIR/m --text a ";
    Cli.Result result = run(model + "--mask off").expect(ExitCode.USAGE);
    assertTrue(result.err().contains("--mask off needs --head-masks"), result.err());
    result = run(model + "--head-masks DIR/two.json").expect(ExitCode.USAGE);
    assertTrue(result.err().contains("[off, whole]; say --mask NAME"), result.err());
    result = run(model + "--head-masks DIR/two.json --mask on").expect(ExitCode.BAD_INPUT);
    assertTrue(result.err().contains("on"), result.err());
    result = run(model + "--head-masks DIR/none.json").expect(ExitCode.BAD_INPUT);
    assertTrue(result.err().contains("none.json"), result.err());
    result = run(model + "--head-masks DIR/wide.json").expect(ExitCode.BAD_INPUT);
    assertTrue(result.err().contains("shape [1, 3]"), result.err());
  }
}
