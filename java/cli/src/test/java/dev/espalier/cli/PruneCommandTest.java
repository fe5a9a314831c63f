package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PruneCommandTest {
  @TempDir private Path directory;

  private String path(String name) {
    return directory.resolve(name).toString();
  }

  @Test
  void cutsWhatIsNamed() {
    String model = TinyModel.create(directory.resolve("m")).toString();
    Cli.Result cli = Cli.run("prune", model, "--out", path("a"), "--heads", "{\"0\":[1]}");
    assertEquals(ExitCode.OK, cli.code(), cli.err());
    assertTrue(cli.err().contains("readable by transformers"), cli.err());
    ModelConfig config = ModelConfig.read(directory.resolve("a/config.json"));
    assertEquals("{0=[1]}", config.prunedHeads().toString());
    assertEquals(ExitCode.OK, Cli.run("embed", "--model", path("a"), "--text", "x").code());

    cli =
        Cli.run("prune", model, "--out", path("b"), "--heads", "{\"0\":[0,1]}", "--ffn-keep", "3");
    assertEquals(ExitCode.OK, cli.code(), cli.err());
    assertTrue(cli.err().contains("readable by Espalier only"), cli.err());
    config = ModelConfig.read(directory.resolve("b/config.json"));
    assertEquals(List.of(), config.shape(0).heads().heads());
    assertEquals(3, config.shape(0).intermediateSize());
    assertEquals(ExitCode.OK, Cli.run("embed", "--model", path("b"), "--text", "x").code());
  }

  @Test
  void givesHeadsAndLinearsOtherKinds() throws IOException {
    String model = TinyModel.create(directory.resolve("m")).toString();
    Path texts = Files.writeString(directory.resolve("t.txt"), "a b c\nd e\nb a c d\n");
    Cli.run(
            "prune",
            model,
            "--out",
            path("a"),
            "--head-kinds",
            "{\"0\":{\"0\":\"constant\",\"1\":\"window:2\"}}",
            "--average",
            texts.toString(),
            "--low-rank",
            "8",
            "--backend",
            "java")
        .expect(ExitCode.OK);
    ModelConfig config = ModelConfig.read(directory.resolve("a/config.json"));
    assertEquals(
        "[constant, window:2]",
        config.shape(0).heads().heads().stream().map(h -> h.kind()).toList().toString());
    // The longest of the texts has 4 tokens beside [CLS] and [SEP].
    assertEquals(List.of(6), config.shape(0).heads().constantLengths());
    assertEquals(8, config.shape(0).ranks().get("output.dense"));
    Cli.run("embed", "--model", path("a"), "--text", "a b").expect(ExitCode.OK);
    Cli.Result cli = Cli.run("embed", "--model", path("a"), "--text", "a b c d e");
    assertTrue(cli.err().contains("lengths up to 6"), cli.err());

    cli =
        Cli.run(
            "prune", model, "--out", path("b"), "--heads", "{\"0\":[1]}", "--block-density", "0.5");
    cli.expect(ExitCode.OK);
    assertTrue(cli.err().contains("readable by transformers"), cli.err());
    Cli.run("embed", "--model", path("b"), "--text", "a b").expect(ExitCode.OK);
  }

  @Test
  void refusesKindsThatCannotBe() {
    String model = TinyModel.create(directory.resolve("m")).toString();
    String constant = "{\"0\":{\"0\":\"constant\"}}";
    for (String[] bad :
        new String[][] {
          {"--head-kinds", "{\"0\":{\"0\":\"sideways\"}}"},
          {"--head-kinds", constant},
          {"--head-kinds", "{\"x\":{}}"},
          {"--average", "t.txt"},
          {"--low-rank", "{\"classifier\":3}"},
          {"--low-rank", "4", "--block-density", "0.5"},
          {"--block-density", "0"},
          {"--low-rank", "4", "--budget", "flops=0.5"}
        }) {
      List<String> args = new ArrayList<>(List.of("prune", model, "--out", path("out")));
      args.addAll(List.of(bad));
      Cli.run(args.toArray(String[]::new)).expect(ExitCode.USAGE);
    }
    Cli.Result cli =
        Cli.run("prune", model, "--out", path("out"), "--head-kinds", "{\"0\":{\"7\":\"same\"}}");
    cli.expect(ExitCode.BAD_INPUT);
    assertTrue(cli.err().contains("layer 0 has no heads [7]"), cli.err());
    Cli.run(
            "prune",
            model,
            "--out",
            path("out"),
            "--head-kinds",
            constant,
            "--average",
            path("none"))
        .expect(ExitCode.BAD_INPUT);
    assertTrue(Files.notExists(directory.resolve("out")));
  }

  @Test
  void refusesWhatIsNotThere() throws IOException {
    String model = TinyModel.create(directory.resolve("m")).toString();
    String out = path("out");
    assertEquals(ExitCode.USAGE, Cli.run("prune", model, "--out", out).code());
    assertEquals(ExitCode.USAGE, Cli.run("prune", model, "--out", out, "--heads", "[1]").code());
    assertEquals(ExitCode.USAGE, Cli.run("prune", model, "--out", out, "--ffn-keep", "-1").code());
    assertEquals(
        ExitCode.USAGE,
        Cli.run("prune", model, "--out", out, "--data", "x", "--heads", "{}").code());
    Cli.Result cli = Cli.run("prune", model, "--out", out, "--heads", "{\"0\":[7]}");
    assertEquals(ExitCode.BAD_INPUT, cli.code());
    assertTrue(cli.err().contains("layer 0 has no head 7; it has [0, 1]"), cli.err());
    assertEquals(
        ExitCode.BAD_INPUT, Cli.run("prune", model, "--out", out, "--layers-drop", "0").code());
    assertTrue(Files.notExists(Path.of(out)));
    Files.createDirectory(Path.of(out));
    cli = Cli.run("prune", model, "--out", out, "--heads", "{\"0\":[1]}");
    assertEquals(ExitCode.BAD_INPUT, cli.code());
    assertTrue(cli.err().contains("exists"), cli.err());
  }

  @Test
  void searchesWithinABudget() throws IOException {
    String model = TinyModel.create(directory.resolve("m")).toString();
    Path texts = Files.writeString(directory.resolve("t.txt"), "one\ntwo three\n");
    String[] search = {
      "prune",
      model,
      "--out",
      path("out"),
      "--data",
      texts.toString(),
      "--task",
      "agreement",
      "--budget",
      "flops=0.7",
      "--blocks",
      "4",
      "--backend",
      "java"
    };
    Cli.Result cli = Cli.run(search);
    assertEquals(ExitCode.OK, cli.code(), cli.err());
    assertTrue(Files.readString(directory.resolve("out.html")).contains("espalier prune"));
    assertTrue(Files.exists(directory.resolve("out/config.json")));
    search[9] = "flops=0.0001,loss=0";
    search[3] = path("other");
    cli = Cli.run(search);
    assertEquals(ExitCode.NO, cli.code(), cli.err());
    assertTrue(cli.err().contains("not met"), cli.err());
    assertTrue(Files.notExists(directory.resolve("other")));
  }
}
