package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.InvalidInputException;
import dev.espalier.task.Outcome;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Writes what became of items in their order: an object a line, {@code {"index":0,...}} or {@code
 * {"index":0,"error":"..."}}, or rows of a table for people.
 */
final class ItemOutput<I, R> {
  /** Characters of a cell in a table. */
  private static final int MOST_CHARACTERS = 60;

  private final ItemFormat<I, R> format;
  private final OutputStream out;
  private final JsonGenerator json;

  /** The table's cells since the last flush; null where JSON is written. */
  private final List<List<String>> table;

  private long index;
  private long bad;

  ItemOutput(ItemFormat<I, R> format, OutputStream target, boolean table) throws IOException {
    this.format = format;
    this.out = new BufferedOutputStream(target, 1 << 16);
    this.json = Json.lines(out);
    this.table = table ? new ArrayList<>() : null;
    if (table) {
      List<String> header = new ArrayList<>(List.of("item"));
      header.addAll(format.columns());
      this.table.add(header);
    }
  }

  /** Items so far. */
  long count() {
    return index;
  }

  /** Bad items so far. */
  long bad() {
    return bad;
  }

  void accept(I item, Outcome<R> outcome) throws IOException {
    if (outcome.error() != null) {
      bad++;
    }
    if (table != null) {
      addRows(item, outcome);
    } else if (outcome.error() != null) {
      writeError(outcome.error());
    } else {
      json.writeStartObject();
      json.writeNumberField("index", index);
      format.write(json, item, outcome.answer());
      json.writeEndObject();
      Json.endLine(json);
    }
    index++;
  }

  private void writeError(InvalidInputException error) throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", index);
    Json.writeText(json, "error", error.getMessage());
    json.writeEndObject();
    Json.endLine(json);
  }

  private void addRows(I item, Outcome<R> outcome) {
    List<List<String>> rows =
        outcome.error() != null
            ? List.of(List.of("ERROR: " + outcome.error().getMessage()))
            : format.rows(item, outcome.answer());
    for (List<String> row : rows) {
      List<String> cells = new ArrayList<>(List.of(Long.toString(index)));
      cells.addAll(row);
      table.add(cells);
    }
  }

  /** Hands on what was written so far. */
  void flush() throws IOException {
    if (table != null) {
      out.write(text(table).getBytes(StandardCharsets.UTF_8));
      table.clear();
    }
    json.flush();
    out.flush();
  }

  private static String text(List<List<String>> rows) {
    List<Integer> widths = new ArrayList<>();
    for (List<String> row : rows) {
      for (int c = 0; c < row.size() && (c + 1 < row.size() || row.size() == 1); c++) {
        int width = cell(row.get(c)).length();
        if (c == widths.size()) {
          widths.add(width);
        } else {
          widths.set(c, Math.max(widths.get(c), width));
        }
      }
    }
    StringBuilder s = new StringBuilder();
    for (List<String> row : rows) {
      for (int c = 0; c < row.size(); c++) {
        String cell = cell(row.get(c));
        s.append(cell);
        if (c + 1 < row.size()) {
          s.append(" ".repeat(widths.get(c) - cell.length() + 2));
        }
      }
      s.append('\n');
    }
    return s.toString();
  }

  /** One line, cut where it is long. */
  private static String cell(String text) {
    String line = text.replaceAll("\\s+", " ").strip();
    return line.length() <= MOST_CHARACTERS ? line : line.substring(0, MOST_CHARACTERS - 3) + "...";
  }

  /** A score for people. */
  static String score(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }
}
