package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.model.ModelResolver;
import dev.espalier.model.Models;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that describe: inspect, models, doctor, parity, similarity, demo. */
class ReportCommandsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path PRUNED =
      TinyModel.goldenModels().resolve("022-multiplechoice-h56x8-l1-gelu-f32-pruned-plain");

  @TempDir Path directory;

  private static JsonNode json(String text) throws IOException {
    return JSON.readTree(text);
  }

  private static Set<String> fields(JsonNode node) {
    Set<String> names = new TreeSet<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @Test
  void inspectTellsOfPrunedHeads() throws IOException {
    JsonNode config = json(Files.readString(PRUNED.resolve("config.json")));
    JsonNode out =
        json(Cli.run("inspect", PRUNED.toString(), "--json", "--backend", "java").expect(0).out());
    assertEquals(config.get("hidden_size"), out.get("hidden_size"));
    assertEquals(config.get("num_attention_heads"), out.get("heads"));
    assertEquals(config.get("hidden_act"), out.get("activation"));
    assertEquals(config.get("num_hidden_layers").intValue(), out.get("heads_per_layer").size());
    for (int l = 0; l < out.get("heads_per_layer").size(); l++) {
      Set<Integer> heads = new TreeSet<>();
      out.get("heads_per_layer").get(l).forEach(h -> heads.add(h.intValue()));
      config
          .path("pruned_heads")
          .path(Integer.toString(l))
          .forEach(h -> assertTrue(heads.add(h.intValue())));
      assertEquals(config.get("num_attention_heads").intValue(), heads.size(), "layer " + l);
    }
    String text = Cli.run("inspect", PRUNED.toString(), "--backend", "java").expect(0).out();
    assertTrue(text.contains("heads left in each layer, of 8"), text);
  }

  @Test
  void inspectCountsWhatTheFileHolds() throws IOException {
    byte[] file = Files.readAllBytes(PRUNED.resolve("model.safetensors"));
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    JsonNode header = json(new String(file, 8, length, StandardCharsets.UTF_8));
    long elements = 0;
    for (JsonNode tensor : header) {
      if (tensor.has("shape") && tensor.get("dtype").textValue().equals("F32")) {
        long n = 1;
        for (JsonNode d : tensor.get("shape")) {
          n *= d.longValue();
        }
        elements += n;
      }
    }
    JsonNode out =
        json(Cli.run("inspect", PRUNED.toString(), "--json", "--backend", "java").expect(0).out());
    assertEquals(elements, out.get("parameters").longValue());
    assertEquals(4 * elements, out.get("stored").get("bytes").longValue());
    assertEquals(file.length, out.get("stored").get("bytes_on_disk").longValue());
  }

  @Test
  void modelsListsTheShortNames() throws IOException {
    JsonNode models = json(Cli.run("models", "--json").expect(0).out()).get("models");
    String text = Cli.run("models").expect(0).out();
    List<String> expected =
        List.of(
            "all-minilm-l6-v2",
            "all-minilm-l6-v2-q",
            "bge-small-en-v1.5",
            "bge-small-zh-v1.5",
            "bert-base-uncased",
            "bert-base-cased");
    assertEquals(expected, models.findValuesAsText("name"));
    for (JsonNode model : models) {
      assertEquals(
          Set.of(
              "name",
              "description",
              "origin",
              "pooling",
              "normalize",
              "max_length",
              "local",
              "bytes"),
          fields(model));
      assertTrue(text.contains(model.get("name").textValue() + "\n"), text);
    }
    assertEquals("mean", models.get(0).get("pooling").textValue());
    assertEquals(256, models.get(0).get("max_length").intValue());
    assertEquals("cls", models.get(2).get("pooling").textValue());
    assertEquals(512, models.get(2).get("max_length").intValue());
  }

  @Test
  void doctorTellsWhatIsPicked() throws IOException {
    Cli.Result result = Cli.run("doctor", "--json");
    JsonNode out = json(result.out());
    assertEquals(out.get("problems").isEmpty() ? 0 : 1, result.code());
    assertEquals(
        CpuBackend.isAvailable(), out.get("native_library").get("available").booleanValue());
    if (CpuBackend.isAvailable()) {
      assertEquals(InstructionSet.best().label(), out.get("picked").textValue());
      assertTrue(out.get("instruction_sets").get("portable").booleanValue());
    }
    assertEquals(Runtime.getRuntime().availableProcessors(), out.get("threads").intValue());
    for (JsonNode cache : out.get("caches")) {
      assertTrue(
          cache.get("path").textValue().startsWith("/") && cache.has("writable"), cache.toString());
    }
    String text = Cli.run("doctor").out();
    for (String name :
        List.of(
            "java ",
            "processor ",
            "memory ",
            "native library ",
            "instruction sets ",
            "picked ",
            "gpu ",
            "cuda backend ",
            "cache ")) {
      assertTrue(text.contains("\n" + name), name + "in " + text);
    }
  }

  @Test
  void parityPassesOnTheFixtures() throws IOException {
    String golden = TinyModel.goldenModels().toString();
    JsonNode out =
        json(Cli.run("parity", "--golden", golden, "--backend", "java", "--json").expect(0).out());
    assertEquals(Set.of("fixtures", "passed"), fields(out));
    assertTrue(out.get("passed").booleanValue());
    assertEquals(7, out.get("fixtures").size());
    for (JsonNode fixture : out.get("fixtures")) {
      assertEquals(Set.of("name", "verdict", "outputs"), fields(fixture));
      for (JsonNode output : fixture.get("outputs")) {
        assertEquals(Set.of("name", "max_abs", "max_rel", "tolerance", "verdict"), fields(output));
      }
    }
  }

  @Test
  void parityFailsOnOtherWeights() throws IOException {
    Path fixture = TinyModel.create(directory.resolve("changed"));
    Path weights = fixture.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    // The highest bits of the mantissas in the file's second half: values stay finite and change by
    // up to half.
    for (int i = (bytes.length / 2 & ~3) + bytes.length % 4; i + 4 <= bytes.length; i += 4) {
      bytes[i + 2] ^= 0x60;
    }
    Files.write(weights, bytes);
    Cli.Result result =
        Cli.run("parity", "--golden", fixture.toString(), "--backend", "java").expect(1);
    assertTrue(result.out().contains("fail"), result.out());
  }

  @Test
  void similarityIsTheCosine() throws IOException {
    String model = TinyModel.create(directory.resolve("model")).toString();
    String[] args = {"similarity", "--model", model, "--backend", "java", "a b", "a b"};
    assertEquals(List.of("1.0000"), Cli.run(args).expect(0).lines());
    JsonNode out =
        json(
            Cli.run("similarity", "--model", model, "--backend", "java", "--json", "--", "-a", "b")
                .expect(0)
                .out());
    assertEquals(Set.of("a", "b", "cosine", "model", "backend"), fields(out));
    assertEquals("-a", out.get("a").textValue());
    double cosine = out.get("cosine").doubleValue();
    assertTrue(cosine < 0.9999 && cosine > -1, "cosine " + cosine);
  }

  @Test
  void demoReachesThePublishedValues() {
    boolean here =
        Models.known().stream()
            .filter(k -> k.name().equals("all-minilm-l6-v2"))
            .map(ModelResolver.Known::local)
            .anyMatch(Optional::isPresent);
    Assumptions.assumeTrue(
        here, "SKIPPED: all-minilm-l6-v2 is not on this machine; run 'espalier demo' once");
    Cli.Result result = Cli.run("demo").expect(0);
    assertTrue(result.out().contains("0.6660     0.6660  same"), result.out());
    assertTrue(result.out().contains("tokens/s, first vector "), result.out());
    assertTrue(
        result.out().lines().allMatch(l -> l.length() <= 110 && l.indexOf('\u001b') < 0),
        result.out());
  }
}
