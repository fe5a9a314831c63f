package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Two sentences and how alike people found them.
 *
 * @param score finite; greater is more alike
 */
public record ScoredPair(String sentence1, String sentence2, double score) {
  private static final List<String> COLUMNS = List.of("sentence1", "sentence2", "score");

  /**
   * Reads a table of pairs: {@code .tsv} is separated by tabs, everything else by commas with
   * quotes (RFC 4180), both in UTF-8. A first row that names the columns sentence1, sentence2 and
   * score, in any order and among others, says where they are; without one there are these three,
   * in this order, as in the STS benchmark's files.
   *
   * @throws InvalidInputException naming file and line of what is wrong
   */
  public static List<ScoredPair> read(Path file) {
    List<Table.Row> rows = Table.read(file);
    if (rows.isEmpty()) {
      throw new InvalidInputException(file + ": is empty, expected " + COLUMNS);
    }
    List<String> first =
        rows.get(0).fields().stream().map(f -> f.strip().toLowerCase(Locale.ROOT)).toList();
    boolean named = first.containsAll(COLUMNS);
    int[] at = {0, 1, 2};
    for (int c = 0; named && c < at.length; c++) {
      at[c] = first.indexOf(COLUMNS.get(c));
    }
    int width = rows.get(0).fields().size();
    if (!named && width != COLUMNS.size()) {
      throw new InvalidInputException(
          rows.get(0).where()
              + ": "
              + width
              + " columns without the names "
              + COLUMNS
              + ", expected 3");
    }
    List<ScoredPair> pairs = new ArrayList<>();
    for (Table.Row row : rows.subList(named ? 1 : 0, rows.size())) {
      if (row.fields().size() != width) {
        throw new InvalidInputException(
            row.where() + ": " + row.fields().size() + " columns, the first row has " + width);
      }
      List<String> f = row.fields();
      pairs.add(new ScoredPair(f.get(at[0]), f.get(at[1]), number(row, f.get(at[2]))));
    }
    return pairs;
  }

  private static double number(Table.Row row, String text) {
    try {
      double value = Double.parseDouble(text.strip());
      if (Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw new InvalidInputException(row.where() + ": score \"" + text + "\" is not a number", e);
    }
    throw new InvalidInputException(row.where() + ": score \"" + text + "\" is not finite");
  }
}
