package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** Rows of {@link PruningCurves} in a file of tabs, each written when it is known. */
final class PruningTable {
  /**
   * One cut of one method.
   *
   * @param share of the arithmetic that was asked for
   * @param flops share that is left
   * @param seen score on the data of the search
   * @param fp32 score on the test data
   * @param int8 the same, quantized; NaN if that was not measured
   */
  record Row(
      String method,
      double share,
      double flops,
      int heads,
      int columns,
      double seen,
      double fp32,
      double int8) {
    private static Row of(String line) {
      String[] f = line.split("\t");
      return new Row(
          f[0],
          Double.parseDouble(f[1]),
          Double.parseDouble(f[2]),
          Integer.parseInt(f[3]),
          Integer.parseInt(f[4]),
          Double.parseDouble(f[5]),
          Double.parseDouble(f[6]),
          Double.parseDouble(f[7]));
    }

    private String line() {
      return String.join(
          "\t",
          method,
          "" + share,
          "" + flops,
          "" + heads,
          "" + columns,
          "" + seen,
          "" + fp32,
          "" + int8);
    }
  }

  private final Path file;
  private final List<Row> rows = new ArrayList<>();

  private PruningTable(Path file) {
    this.file = file;
  }

  static PruningTable open(Path file) {
    PruningTable table = new PruningTable(file);
    try {
      if (Files.exists(file)) {
        for (String line : Files.readAllLines(file)) {
          table.rows.add(Row.of(line));
        }
      }
      return table;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      throw new InvalidInputException(file + ": is no table of cuts: " + e.getMessage(), e);
    }
  }

  boolean has(String method, double share) {
    return rows.stream().anyMatch(r -> r.method().equals(method) && r.share() == share);
  }

  void add(Row row) {
    rows.add(row);
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      Files.writeString(
          file, row.line() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<Row> rows() {
    return List.copyOf(rows);
  }
}
