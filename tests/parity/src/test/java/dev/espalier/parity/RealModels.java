package dev.espalier.parity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.ModelNotFoundException;
import dev.espalier.model.ModelResolver;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Published models by their short names, and a little arithmetic on vectors. */
final class RealModels {
  static final String MINILM = "all-minilm-l6-v2";

  private static final ObjectMapper JSON = new ObjectMapper();

  private RealModels() {}

  /**
   * Loads a model; skips the test where neither the local Maven repository nor the network has it.
   */
  static Model load(String name, Subject subject) {
    return load(name, subject, ModelOptions.DEFAULT);
  }

  /** As {@link #load(String, Subject)}, with further options. */
  static Model load(String name, Subject subject, ModelOptions more) {
    subject.open(1).close();
    ModelOptions options = more.withBackend(subject.backend()).withThreads(2);
    try {
      return Model.load(name, subject.isa().map(options::withInstructionSet).orElse(options));
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
      throw e;
    }
  }

  /** The jar of a short name, fetched if need be. */
  static Path jar(String name) {
    try (var source = Models.open(name)) {
      return Models.known().stream()
          .filter(k -> k.name().equals(name))
          .findFirst()
          .flatMap(ModelResolver.Known::local)
          .orElseThrow();
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
      throw e;
    }
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A text of {@code golden-text/minilm-embeddings.jsonl}. */
  record Golden(String text, int[] ids, double[] embedding) {}

  static List<Golden> goldens() {
    List<Golden> goldens = new ArrayList<>();
    for (String line :
        Shared.lines(Shared.besideRepository("golden-text/minilm-embeddings.jsonl"))) {
      JsonNode node = json(line);
      int[] ids = new int[node.get("ids").size()];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = node.get("ids").get(i).asInt();
      }
      double[] embedding = new double[node.get("embedding").size()];
      for (int i = 0; i < embedding.length; i++) {
        embedding[i] = node.get("embedding").get(i).asDouble();
      }
      goldens.add(new Golden(node.get("text").asText(), ids, embedding));
    }
    return goldens;
  }

  static double[] widen(float[] v) {
    double[] wide = new double[v.length];
    for (int i = 0; i < v.length; i++) {
      wide[i] = v[i];
    }
    return wide;
  }

  static double cosine(double[] a, double[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  /**
   * The largest difference of two vectors; NaN if one holds a NaN, infinite if their lengths
   * differ.
   */
  static double largestDifference(double[] a, double[] b) {
    if (a.length != b.length) {
      return Double.POSITIVE_INFINITY;
    }
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }
}
