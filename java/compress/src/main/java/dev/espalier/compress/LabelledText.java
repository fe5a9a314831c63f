package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A text and its class.
 *
 * @param label the class's id, or its name
 */
public record LabelledText(String text, String label) {
  private static final List<String> COLUMNS = List.of("sentence", "label");

  /**
   * Reads a table of texts: {@code .tsv} is separated by tabs, everything else by commas with
   * quotes. A first row that names the columns sentence and label says where they are; without one
   * they are the first two, as in GLUE's files.
   *
   * @throws InvalidInputException naming file and line of what is wrong
   */
  public static List<LabelledText> read(Path file) {
    List<Table.Row> rows = Table.read(file);
    if (rows.isEmpty()) {
      throw new InvalidInputException(file + ": is empty, expected " + COLUMNS);
    }
    List<String> first =
        rows.get(0).fields().stream().map(f -> f.strip().toLowerCase(Locale.ROOT)).toList();
    boolean named = first.containsAll(COLUMNS);
    int text = named ? first.indexOf(COLUMNS.get(0)) : 0;
    int label = named ? first.indexOf(COLUMNS.get(1)) : 1;
    List<LabelledText> texts = new ArrayList<>();
    for (Table.Row row : rows.subList(named ? 1 : 0, rows.size())) {
      if (row.fields().size() <= Math.max(text, label)) {
        throw new InvalidInputException(
            row.where() + ": " + row.fields().size() + " columns, expected " + COLUMNS);
      }
      texts.add(new LabelledText(row.fields().get(text).strip(), row.fields().get(label).strip()));
    }
    return texts;
  }
}
