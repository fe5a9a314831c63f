package dev.espalier.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.format.JsonFields;
import dev.espalier.format.JsonText;
import dev.espalier.tensor.HeadMask;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Head masks by name, one a task, for one encoder; kept in a small JSON file (docs/FORMAT.md).
 *
 * @param layers of the model
 * @param heads of an unpruned layer
 * @param masks each [layers, heads]
 */
public record HeadMaskSet(int layers, int heads, SortedMap<String, HeadMask> masks) {
  private static final int FORMAT = 1;
  private static final int MOST = 1 << 12;

  public HeadMaskSet {
    masks.values().forEach(m -> m.checkShape(layers, heads));
    masks = Collections.unmodifiableSortedMap(new TreeMap<>(masks));
  }

  /**
   * Reads a file.
   *
   * @throws ModelFormatException if it is missing, damaged or of another format
   */
  public static HeadMaskSet read(Path file) {
    JsonFields json = JsonText.readObject(file);
    int format = json.integer("format", 1, Integer.MAX_VALUE);
    if (format != FORMAT) {
      throw new ModelFormatException(
          json.label() + ": format " + format + " is not known; " + FORMAT + " is");
    }
    int layers = json.integer("layers", 0, MOST);
    int heads = json.integer("heads", 1, MOST);
    SortedMap<String, HeadMask> masks = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : json.members("masks").entrySet()) {
      masks.put(entry.getKey(), mask(json, entry.getKey(), entry.getValue(), layers, heads));
    }
    return new HeadMaskSet(layers, heads, masks);
  }

  private static HeadMask mask(JsonFields json, String name, JsonNode rows, int layers, int heads) {
    String what = layers + " arrays of " + heads + " numbers";
    float[] values = new float[layers * heads];
    if (!rows.isArray() || rows.size() != layers) {
      throw json.wrong("masks." + name, what, rows);
    }
    for (int l = 0; l < layers; l++) {
      if (!rows.get(l).isArray() || rows.get(l).size() != heads) {
        throw json.wrong("masks." + name, what, rows.get(l));
      }
      for (int h = 0; h < heads; h++) {
        JsonNode value = rows.get(l).get(h);
        if (!value.isNumber() || !Float.isFinite(value.floatValue())) {
          throw json.wrong("masks." + name, what, value);
        }
        values[l * heads + h] = value.floatValue();
      }
    }
    return HeadMask.of(layers, heads, values);
  }

  /**
   * The mask of that name.
   *
   * @throws InvalidInputException if there is none
   */
  public HeadMask mask(String name) {
    HeadMask mask = masks.get(name);
    if (mask == null) {
      throw new InvalidInputException(
          "there is no head mask \"" + name + "\"; there are " + masks.keySet());
    }
    return mask;
  }

  /**
   * Writes the file, complete or not at all.
   *
   * @throws EspalierException if it cannot be written
   */
  public void write(Path file) {
    Path target = file.toAbsolutePath().normalize();
    Path temporary = target.resolveSibling("." + target.getFileName() + ".tmp");
    try {
      Files.writeString(temporary, toJson());
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      temporary.toFile().delete();
      throw new EspalierException(file + ": cannot be written: " + e, e);
    }
  }

  private String toJson() throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text).useDefaultPrettyPrinter()) {
      json.writeStartObject();
      json.writeNumberField("format", FORMAT);
      json.writeNumberField("layers", layers);
      json.writeNumberField("heads", heads);
      json.writeObjectFieldStart("masks");
      for (Map.Entry<String, HeadMask> entry : masks.entrySet()) {
        json.writeArrayFieldStart(entry.getKey());
        for (int l = 0; l < layers; l++) {
          json.writeStartArray();
          for (int h = 0; h < heads; h++) {
            json.writeNumber(entry.getValue().value(l, h));
          }
          json.writeEndArray();
        }
        json.writeEndArray();
      }
      json.writeEndObject();
      json.writeEndObject();
    }
    return text.append("\n").toString();
  }
}
