package dev.espalier.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.JsonFields;
import java.util.Iterator;
import java.util.Set;

/**
 * The {@code "espalier"} object of a {@code config.json} with {@code "model_type":
 * "espalier_bert"}: what the directory has that transformers cannot express. That is int8 matrices,
 * layers of uneven shapes ({@link LayerShapes}), or both; docs/FORMAT.md tells the layout.
 */
final class Int8Format {
  /** The model type that makes other readers refuse. */
  static final String MODEL_TYPE = "espalier_bert";

  /** What is written; 1, which has no rotated inputs, is read as well. */
  static final int VERSION = 2;

  static final String DTYPE = "int8";

  /**
   * int8 codes with a scale a row of each weight; activations symmetric int8, one scale a token,
   * found as they come.
   */
  static final String SCHEME = "w8-per-row-a8-per-token";

  private static final Set<String> FIELDS = Set.of("format", "dtype", "scheme", LayerShapes.FIELD);

  private Int8Format() {}

  /** Whether the configuration has an espalier object; {@link #check} has accepted it. */
  static boolean isEspalier(JsonFields config) {
    return MODEL_TYPE.equals(config.string("model_type", null));
  }

  /** Whether it says that matrices may be int8. */
  static boolean isInt8(JsonFields config) {
    return isEspalier(config)
        && JsonFields.of(config.label() + ": espalier", config.raw("espalier")).has("dtype");
  }

  /**
   * Refuses an {@code "espalier"} object of another version or with anything that is not
   * implemented.
   */
  static void check(JsonFields config) {
    JsonNode node = config.raw("espalier");
    if (node == null) {
      throw new UnsupportedModelException(
          config.label() + ": model_type \"" + MODEL_TYPE + "\" without an \"espalier\" object");
    }
    JsonFields json = JsonFields.of(config.label() + ": espalier", node);
    for (Iterator<String> names = json.names(); names.hasNext(); ) {
      String name = names.next();
      if (!FIELDS.contains(name)) {
        throw new UnsupportedModelException(
            json.label()
                + ": "
                + name
                + " is not implemented; a newer Espalier may have written it");
      }
    }
    int version = json.integer("format", 1, Integer.MAX_VALUE);
    if (version > VERSION) {
      throw new UnsupportedModelException(
          json.label()
              + ": format "
              + version
              + " is newer than "
              + VERSION
              + ", which is known here");
    }
    if (json.has("dtype") || json.has("scheme") || !json.has(LayerShapes.FIELD)) {
      expect(json, "dtype", DTYPE);
      expect(json, "scheme", SCHEME);
    }
  }

  private static void expect(JsonFields json, String field, String only) {
    String value = json.string(field, null);
    if (!only.equals(value)) {
      throw new UnsupportedModelException(
          json.label()
              + ": "
              + field
              + " "
              + (value == null ? "is missing" : "\"" + value + "\"")
              + "; only \""
              + only
              + "\" is implemented");
    }
  }
}
