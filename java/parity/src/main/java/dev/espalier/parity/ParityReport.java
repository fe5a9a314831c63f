package dev.espalier.parity;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How fixtures fared on one backend. Immutable.
 *
 * @param backend one line on what computed
 * @param fixtures in order of their names
 */
public record ParityReport(String backend, List<Fixture> fixtures) {
  /**
   * One fixture.
   *
   * @param name its directory's name
   * @param outputs what was compared, in the order of the forward pass
   * @param problem why it could not be compared at all; empty if it could
   */
  public record Fixture(String name, List<Output> outputs, Optional<String> problem) {
    public Fixture {
      outputs = List.copyOf(outputs);
    }

    /**
     * Fails with any of its outputs, or if nothing was compared; not-yet if all of its outputs are.
     */
    public Verdict verdict() {
      if (problem.isPresent() || outputs.isEmpty() || has(Verdict.FAIL)) {
        return Verdict.FAIL;
      }
      return has(Verdict.PASS) ? Verdict.PASS : Verdict.NOT_YET;
    }

    private boolean has(Verdict verdict) {
      return outputs.stream().anyMatch(o -> o.verdict() == verdict);
    }
  }

  /**
   * One expected tensor.
   *
   * @param maxAbs largest |error| over real tokens; NaN if not compared or if an error is NaN
   * @param maxRel largest |error| / largest |expected|; NaN likewise
   * @param tolerance what maxRel may be
   */
  public record Output(
      String name, double maxAbs, double maxRel, double tolerance, Verdict verdict) {}

  public ParityReport {
    fixtures = List.copyOf(fixtures);
  }

  /** Whether there are fixtures and none failed. */
  public boolean passed() {
    return !fixtures.isEmpty() && fixtures.stream().noneMatch(f -> f.verdict() == Verdict.FAIL);
  }

  /** The largest maxRel of all outputs that were compared; NaN if one of them is. */
  public double maxRel() {
    return fixtures.stream()
        .flatMap(f -> f.outputs().stream())
        .filter(o -> o.verdict() != Verdict.NOT_YET)
        .mapToDouble(Output::maxRel)
        .reduce(0, Math::max);
  }

  /**
   * {@code
   * {"fixtures":[{"name","verdict","outputs":[{"name","max_abs","max_rel","tolerance","verdict"}]}],"passed"}};
   * a number that is not finite is null.
   */
  public String toJson() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ArrayNode list = root.putArray("fixtures");
    for (Fixture f : fixtures) {
      ObjectNode fixture =
          list.addObject().put("name", f.name()).put("verdict", f.verdict().label());
      ArrayNode outputs = fixture.putArray("outputs");
      for (Output o : f.outputs()) {
        ObjectNode output = outputs.addObject().put("name", o.name());
        number(output, "max_abs", o.maxAbs());
        number(output, "max_rel", o.maxRel());
        number(output, "tolerance", o.tolerance());
        output.put("verdict", o.verdict().label());
      }
    }
    root.put("passed", passed());
    try {
      return new ObjectMapper().writeValueAsString(root);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException("a tree of plain values cannot be written", e);
    }
  }

  private static void number(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, value);
    } else {
      node.putNull(name);
    }
  }

  /** A table for people: one line a fixture, one more for each output that failed. */
  public String toText() {
    StringBuilder text = new StringBuilder();
    int width = Math.max(7, fixtures.stream().mapToInt(f -> f.name().length()).max().orElse(0));
    String row = "%-" + width + "s  %-7s  %7s  %7s  %9s%n";
    text.append(
        String.format(Locale.ROOT, row, "fixture", "verdict", "outputs", "not yet", "max_rel"));
    for (Fixture f : fixtures) {
      long later = f.outputs().stream().filter(o -> o.verdict() == Verdict.NOT_YET).count();
      double worst =
          f.outputs().stream()
              .filter(o -> o.verdict() != Verdict.NOT_YET)
              .mapToDouble(Output::maxRel)
              .reduce(0, Math::max);
      boolean compared = f.outputs().size() > later;
      text.append(
          String.format(
              Locale.ROOT,
              row,
              f.name(),
              f.verdict().label(),
              f.outputs().size() - later,
              later,
              compared ? String.format(Locale.ROOT, "%.2e", worst) : "-"));
      f.problem().ifPresent(p -> text.append("    ").append(p).append(System.lineSeparator()));
      for (Output o : f.outputs()) {
        if (o.verdict() == Verdict.FAIL) {
          text.append(
              String.format(
                  Locale.ROOT,
                  "    %s: max_rel %.3e is above %.1e (max_abs %.3e)%n",
                  o.name(),
                  o.maxRel(),
                  o.tolerance(),
                  o.maxAbs()));
        }
      }
    }
    long failed = fixtures.stream().filter(f -> f.verdict() == Verdict.FAIL).count();
    text.append(
        String.format(
            Locale.ROOT,
            "%d of %d fixtures passed or wait on %s, largest max_rel %.2e%n",
            fixtures.size() - failed,
            fixtures.size(),
            backend,
            maxRel()));
    return text.toString();
  }
}
