package dev.espalier.parity;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;

/**
 * How random cases of the ops fared on one backend. Immutable.
 *
 * @param backend one line on what computed
 * @param seed of the first case of each op
 * @param cases of each op
 * @param rows one for each op
 */
public record OpReport(String backend, long seed, int cases, List<Row> rows) {
  /**
   * One op.
   *
   * @param comparisons results that were compared
   * @param worst the largest error / bound of an element
   * @param violations the first element outside its bound of each result that has one
   */
  public record Row(OpKind op, int comparisons, double worst, List<String> violations) {
    public Row {
      violations = List.copyOf(violations);
    }

    /** Whether something was compared and all of it lay within its bounds. */
    public boolean passed() {
      return comparisons > 0 && violations.isEmpty();
    }
  }

  public OpReport {
    rows = List.copyOf(rows);
  }

  /** Whether every op passed. */
  public boolean passed() {
    return !rows.isEmpty() && rows.stream().allMatch(Row::passed);
  }

  /**
   * {@code {"backend","seed","cases","ops":[{"op","comparisons","worst","violations"}],"passed"}};
   * a number that is not finite is null.
   */
  public String toJson() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("backend", backend).put("seed", seed).put("cases", cases);
    ArrayNode list = root.putArray("ops");
    for (Row row : rows) {
      ObjectNode node =
          list.addObject().put("op", row.op().label()).put("comparisons", row.comparisons());
      if (Double.isFinite(row.worst())) {
        node.put("worst", row.worst());
      } else {
        node.putNull("worst");
      }
      ArrayNode violations = node.putArray("violations");
      row.violations().forEach(violations::add);
    }
    return root.put("passed", passed()).toString();
  }

  /** A table for people. */
  public String toText() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%-23s  %7s  %11s  %s%n",
            "op",
            "verdict",
            "comparisons",
            "error / bound"));
    for (Row row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-23s  %7s  %11d  %.3f%n",
              row.op().label(),
              row.passed() ? "pass" : "FAIL",
              row.comparisons(),
              row.worst()));
      row.violations().stream()
          .limit(3)
          .forEach(v -> text.append("    ").append(v).append(System.lineSeparator()));
    }
    return text.append(
            String.format(
                Locale.ROOT,
                "%d of %d ops passed on %s (%d cases each, from seed %d)%n",
                rows.stream().filter(Row::passed).count(),
                rows.size(),
                backend,
                cases,
                seed))
        .toString();
  }
}
