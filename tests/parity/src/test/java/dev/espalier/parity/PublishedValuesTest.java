package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.backend.InstructionSet;
import dev.espalier.model.ModelResolver;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Values that others have published for models that we can have. */
class PublishedValuesTest {
  private static final Subject BEST = new Subject("cpu", Optional.of(InstructionSet.best()));

  private static JsonNode published(String section) {
    return RealModels.json(Shared.besideRepository("data/vectors/expected_outputs.json"))
        .get(section);
  }

  /** LangChain4j's tests allow 1 % in fp32. */
  @Test
  void embeddingsEqualLangChain4js() {
    int compared = 0;
    for (JsonNode entry : published("embeddings_L2_normalised")) {
      String name = entry.get("model").asText().toLowerCase(Locale.ROOT);
      if (!shortNames().contains(name)) {
        System.err.println(
            "SKIPPED: published embeddings of " + name + ", which has no short name");
        continue;
      }
      try (Model model = RealModels.load(name, BEST)) {
        float[] vector = new TextEmbedder(model).embed(entry.get("text").asText());
        Map<String, Double> at = new TreeMap<>();
        JsonNode values = entry.get("at");
        values.fieldNames().forEachRemaining(i -> at.put(i, values.get(i).asDouble()));
        double largest = 0;
        for (Map.Entry<String, Double> e : at.entrySet()) {
          float value = vector[Integer.parseInt(e.getKey())];
          assertEquals(
              e.getValue(),
              value,
              0.01 * Math.abs(e.getValue()),
              () -> name + " [" + e.getKey() + "]");
          largest = Math.max(largest, Math.abs(value - e.getValue()));
          compared++;
        }
        System.out.printf("published values of %s: largest difference %.2e%n", name, largest);
      }
    }
    assertTrue(compared >= 8, "only " + compared + " values compared");
  }

  /** Published to four decimals: half of the last one, and fp32's 1e-6. */
  @Test
  void cosinesEqualSentenceTransformersDocumentation() {
    JsonNode pairs = published("cosine_all_MiniLM_L6_v2").get("pairs");
    try (Model model = RealModels.load(RealModels.MINILM, BEST)) {
      TextEmbedder embedder = new TextEmbedder(model);
      for (JsonNode pair : pairs) {
        float[][] v = embedder.embed(List.of(pair.get(0).asText(), pair.get(1).asText()));
        double cosine = RealModels.cosine(RealModels.widen(v[0]), RealModels.widen(v[1]));
        assertEquals(pair.get(2).asDouble(), cosine, 0.5e-4 + 1e-6, pair::toString);
      }
      assertTrue(pairs.size() >= 12, () -> pairs.size() + " pairs");
    }
  }

  /** The rank correlation on STS-B's test set, published to four decimals, reproduced to five. */
  @Test
  @Tag("values")
  void stsbCorrelationEqualsThePublishedOne() {
    Path file = Shared.besideRepository("data/stsb/stsb-en-test.csv");
    JsonNode entry = published("stsb_spearman_cosine").get(0);
    List<String> left = new ArrayList<>();
    List<String> right = new ArrayList<>();
    List<Double> gold = new ArrayList<>();
    for (String line : Shared.lines(file)) {
      List<String> cells = csv(line);
      left.add(cells.get(0));
      right.add(cells.get(1));
      gold.add(Double.parseDouble(cells.get(2)));
    }
    assertEquals(1379, gold.size());
    try (Model model = RealModels.load(RealModels.MINILM, BEST)) {
      TextEmbedder embedder = new TextEmbedder(model);
      float[][] a = embedder.embed(left);
      float[][] b = embedder.embed(right);
      double[] cosines = new double[a.length];
      for (int i = 0; i < a.length; i++) {
        cosines[i] = RealModels.cosine(RealModels.widen(a[i]), RealModels.widen(b[i]));
      }
      double spearman =
          pearson(ranks(cosines), ranks(gold.stream().mapToDouble(Double::doubleValue).toArray()));
      System.out.printf("STS-B test, MiniLM: Spearman %.5f%n", spearman);
      assertEquals(entry.get("value").asDouble(), spearman, 0.5e-4);
      assertEquals(entry.get("reproduced").asDouble(), spearman, 1e-5);
    }
  }

  private static List<String> shortNames() {
    return Models.known().stream().map(ModelResolver.Known::name).toList();
  }

  /**
   * The cells of one line of comma-separated values; quoted cells may hold commas and doubled
   * quotes.
   */
  private static List<String> csv(String line) {
    List<String> cells = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c == '"' && quoted && i + 1 < line.length() && line.charAt(i + 1) == '"') {
        cell.append('"');
        i++;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        cells.add(cell.toString());
        cell.setLength(0);
      } else {
        cell.append(c);
      }
    }
    cells.add(cell.toString());
    return cells;
  }

  /** Ranks from 1; equal values share the mean of theirs. */
  private static double[] ranks(double[] values) {
    Integer[] order = new Integer[values.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.comparingDouble(i -> values[i]));
    double[] ranks = new double[values.length];
    int i = 0;
    while (i < order.length) {
      int j = i;
      while (j < order.length && values[order[j]] == values[order[i]]) {
        j++;
      }
      for (int k = i; k < j; k++) {
        ranks[order[k]] = (i + j + 1) / 2.0;
      }
      i = j;
    }
    return ranks;
  }

  private static double pearson(double[] a, double[] b) {
    double meanA = Arrays.stream(a).average().orElseThrow();
    double meanB = Arrays.stream(b).average().orElseThrow();
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - meanA) * (b[i] - meanB);
      aa += (a[i] - meanA) * (a[i] - meanA);
      bb += (b[i] - meanB) * (b[i] - meanB);
    }
    return ab / Math.sqrt(aa * bb);
  }
}
