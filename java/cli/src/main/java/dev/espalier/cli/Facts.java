package dev.espalier.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Names and values for people, one a line, the values under each other. */
final class Facts {
  private final String indent;
  private final List<String[]> rows = new ArrayList<>();

  Facts(String indent) {
    this.indent = indent;
  }

  void add(String name, String value) {
    rows.add(new String[] {name, value});
  }

  @Override
  public String toString() {
    int width = rows.stream().mapToInt(r -> r[0].length()).max().orElse(0);
    StringBuilder s = new StringBuilder();
    for (String[] row : rows) {
      s.append(indent).append(row[0]).append(" ".repeat(width - row[0].length() + 2));
      s.append(row[1]).append('\n');
    }
    return s.toString();
  }

  /** A size in words: {@code 90.9 MB}, powers of ten. */
  static String bytes(long n) {
    String[] units = {"bytes", "kB", "MB", "GB", "TB"};
    double value = n;
    int u = 0;
    while (value >= 999.5 && u + 1 < units.length) {
      value /= 1000;
      u++;
    }
    return u == 0
        ? n + " bytes"
        : String.format(Locale.ROOT, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[u]);
  }

  static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }
}
