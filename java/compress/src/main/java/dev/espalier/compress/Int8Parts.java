package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/** Names the parts of an encoder that quantization may leave in fp32. */
public final class Int8Parts {
  /** The word table. */
  private static final String EMBEDDINGS = "embeddings";

  /** A layer's linear layers, and the tensors of each behind the layer's prefix. */
  private static final Map<String, List<String>> PARTS = parts();

  private static final String UP = EncoderTensors.up("") + ".weight";

  /** Of a linear's matrix, or of its factors. */
  private static final List<String> ENDINGS =
      List.of(".weight", EncoderTensors.down("") + ".weight", UP);

  private Int8Parts() {}

  private static Map<String, List<String>> parts() {
    Map<String, List<String>> parts = new LinkedHashMap<>();
    parts.put("qkv", List.of("attention.self.query", "attention.self.key", "attention.self.value"));
    parts.put("attention.output", List.of("attention.output.dense"));
    parts.put("intermediate", List.of("intermediate.dense"));
    parts.put("output", List.of("output.dense"));
    return parts;
  }

  /**
   * The matrices that int8 covers: the word table and every linear layer of the encoder. Of a
   * linear in two factors that is both, but for query, key and value: their second factors are
   * blocks on the diagonal of one matrix, which stays in fp32.
   */
  public static Set<String> matrices(ModelConfig config) {
    Set<String> names = new TreeSet<>();
    names.add(EncoderTensors.WORD_EMBEDDINGS);
    for (int l = 0; l < config.layers(); l++) {
      for (List<String> part : PARTS.values()) {
        add(names, l, part);
      }
    }
    // A layer without heads or without a feed-forward part lacks some.
    Set<String> present = EncoderTensors.required(config).keySet();
    names.retainAll(present);
    names.removeIf(n -> n.endsWith(UP) && ofOneInput(n, present::contains).size() > 1);
    return names;
  }

  /**
   * The matrices that are packed as one with this one, itself included: they have one input, or are
   * second factors of such.
   *
   * @param present whether a model has a matrix
   */
  static List<String> ofOneInput(String matrix, Predicate<String> present) {
    for (List<String> part : PARTS.values()) {
      for (String one : part) {
        for (String ending : ENDINGS) {
          String end = "." + one + ending;
          if (matrix.endsWith(end)) {
            String layer = matrix.substring(0, matrix.length() - end.length());
            return part.stream().map(p -> layer + "." + p + ending).filter(present).toList();
          }
        }
      }
    }
    return List.of(matrix);
  }

  private static void add(Set<String> names, int layer, List<String> part) {
    for (String p : part) {
      ENDINGS.forEach(e -> names.add(EncoderTensors.layer(layer) + "." + p + e));
    }
  }

  /**
   * The matrices that a list names: {@code 3} is all of layer 3, {@code output} that part of every
   * layer, {@code 3.output} that part of layer 3, {@code embeddings} the word table; separated by
   * commas.
   *
   * @throws InvalidInputException if an item names nothing in this model
   */
  public static Set<String> named(ModelConfig config, String list) {
    Set<String> names = new TreeSet<>();
    for (String item : list.split(",", -1)) {
      String text = item.strip();
      if (text.equals(EMBEDDINGS)) {
        names.add(EncoderTensors.WORD_EMBEDDINGS);
        continue;
      }
      int dot = text.indexOf('.');
      String head = dot < 0 ? text : text.substring(0, dot);
      boolean hasLayer = head.matches("[0-9]{1,4}");
      String part = !hasLayer ? text : dot < 0 ? "" : text.substring(dot + 1);
      int first = hasLayer ? Integer.parseInt(head) : 0;
      int end = hasLayer ? first + 1 : config.layers();
      List<List<String>> parts = new ArrayList<>();
      if (part.isEmpty() && hasLayer) {
        parts.addAll(PARTS.values());
      } else if (PARTS.containsKey(part)) {
        parts.add(PARTS.get(part));
      }
      if (parts.isEmpty() || first >= config.layers()) {
        throw new InvalidInputException(
            "\""
                + text
                + "\" names no part of a model of "
                + config.layers()
                + " layers; parts are a layer's number (0 to "
                + (config.layers() - 1)
                + "), one of "
                + PARTS.keySet()
                + ", both with a dot between, or "
                + EMBEDDINGS);
      }
      for (int l = first; l < end; l++) {
        for (List<String> p : parts) {
          add(names, l, p);
        }
      }
    }
    return names;
  }
}
