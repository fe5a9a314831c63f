package dev.espalier.compress.prune;

import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * What a search found, as one HTML page that needs nothing else: the head map, widths by layer, the
 * curve of score against arithmetic with the chosen point, and the command that repeats it.
 *
 * @param model as the user named it
 * @param objective what was measured
 * @param importance of each part, in its order
 * @param after the score of what is left
 */
public record PruneReport(
    Trial trial,
    String model,
    String objective,
    double[] importance,
    BitSet removed,
    double after) {
  private static final int CELL = 26;
  private static final int WIDTH = 640;
  private static final int HEIGHT = 300;
  private static final int MARGIN = 46;

  /**
   * One measured point.
   *
   * @param flops share left
   * @param score in points
   */
  public record Point(double flops, double score) {}

  /**
   * The page.
   *
   * @param curve points in any order
   * @param command that repeats it
   */
  public String html(List<Point> curve, String command) {
    ModelConfig before = trial.source().config();
    ModelConfig left = trial.cut(removed).config(before);
    StringBuilder s = new StringBuilder();
    s.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    s.append("<meta name=\"viewport\" content=\"width=device-width\">");
    s.append("<title>Pruned: ").append(escape(model)).append("</title>\n<style>");
    s.append("body{font:15px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;");
    s.append("padding:0 1rem;color:#222}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}");
    s.append("table{border-collapse:collapse}td,th{padding:.25rem .8rem;text-align:right;");
    s.append("border-bottom:1px solid #e4e4e4}th{font-weight:600;vertical-align:bottom}");
    s.append("pre{background:#f4f4f4;padding:.7rem;white-space:pre-wrap;");
    s.append("overflow-wrap:anywhere}svg{max-width:100%;height:auto}");
    s.append("svg text{font:11px system-ui,sans-serif;fill:#444}</style></head><body>\n");
    s.append("<h1>").append(escape(model)).append(", pruned</h1>\n");
    s.append(
        String.format(
            Locale.ROOT,
            "<table><tr><th></th><th>whole</th><th>pruned</th></tr>%n<tr><td>score:"
                + " %s</td><td>%.2f</td><td>%.2f</td></tr>%n<tr><td>arithmetic"
                + " left</td><td>100&nbsp;%%</td>"
                + "<td>%.1f&nbsp;%%</td></tr>%n<tr><td>heads</td><td>%d</td><td>%d</td></tr>%n<tr><td>feed-forward"
                + " columns</td><td>%d</td><td>%d</td></tr></table>%n",
            escape(objective),
            trial.score(new BitSet()),
            after,
            100 * trial.flopsLeft(removed),
            headCount(before),
            headCount(left),
            columnCount(before),
            columnCount(left)));
    heads(s, trial, importance, removed);
    curve(s, curve, new Point(trial.flopsLeft(removed), after));
    widths(s, before, left, trial, removed);
    s.append("<h2>To repeat it</h2>\n<pre>").append(escape(command)).append("</pre>\n");
    return s.append("</body></html>\n").toString();
  }

  private static int headCount(ModelConfig config) {
    return IntStream.range(0, config.layers())
        .map(l -> config.shape(l).heads().heads().size())
        .sum();
  }

  private static int columnCount(ModelConfig config) {
    return IntStream.range(0, config.layers()).map(l -> config.shape(l).intermediateSize()).sum();
  }

  private static void heads(StringBuilder s, Trial trial, double[] importance, BitSet removed) {
    ModelConfig config = trial.source().config();
    double most = 1e-30;
    for (int p = 0; p < importance.length; p++) {
      if (trial.parts().get(p).isHead()) {
        most = Math.max(most, importance[p]);
      }
    }
    int width = MARGIN + config.heads() * CELL;
    int height = 24 + config.layers() * CELL;
    s.append("<h2>Heads</h2>\n<p>A row a layer, a column a head; the darker, the more important.");
    s.append(" Crossed out: removed. Hover for the figure.</p>\n");
    s.append(
        String.format(
            Locale.ROOT,
            "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"head map\">%n",
            width,
            height,
            width));
    for (int h = 0; h < config.heads(); h++) {
      text(s, MARGIN + h * CELL + CELL / 2.0, 14, "middle", Integer.toString(h));
    }
    for (int l = 0; l < config.layers(); l++) {
      text(s, MARGIN - 8, 24 + l * CELL + 17, "end", Integer.toString(l));
    }
    for (int p = 0; p < importance.length; p++) {
      Part part = trial.parts().get(p);
      if (!part.isHead()) {
        continue;
      }
      int x = MARGIN + part.head() * CELL;
      int y = 24 + part.layer() * CELL;
      double share = Math.max(0, importance[p]) / most;
      s.append(
          String.format(
              Locale.ROOT,
              "<g><title>layer %d, head %d: %.4g</title><rect x=\"%d\" y=\"%d\" width=\"%d\""
                  + " height=\"%d\" fill=\"hsl(210 70%% %.0f%%)\"/>",
              part.layer(),
              part.head(),
              importance[p],
              x + 1,
              y + 1,
              CELL - 2,
              CELL - 2,
              94 - 60 * Math.sqrt(share)));
      if (removed.get(p)) {
        s.append(
            String.format(
                Locale.ROOT,
                "<path d=\"M%d %dl%d %dm0 -%dl-%d %d\" stroke=\"#c22\" stroke-width=\"2\"/>",
                x + 6,
                y + 6,
                CELL - 12,
                CELL - 12,
                CELL - 12,
                CELL - 12,
                CELL - 12));
      }
      s.append("</g>\n");
    }
    s.append("</svg>\n");
  }

  private static void curve(StringBuilder s, List<Point> points, Point chosen) {
    double lowest =
        Math.min(chosen.score(), points.stream().mapToDouble(Point::score).min().orElse(0));
    double highest =
        Math.max(chosen.score(), points.stream().mapToDouble(Point::score).max().orElse(0));
    double tick = tick(highest - lowest);
    double low = Math.floor(lowest / tick) * tick;
    double range = Math.max(tick, Math.ceil(highest / tick) * tick - low);
    s.append("<h2>Score against arithmetic</h2>\n<p>Dots: on the way, parts leaving in the order");
    s.append(" of their importance for their arithmetic. Red: the model that was written.</p>\n");
    s.append(
        String.format(
            Locale.ROOT,
            "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"curve\">%n<path"
                + " d=\"M%d 10V%dH%d\" stroke=\"#888\" fill=\"none\"/>%n",
            WIDTH,
            HEIGHT,
            WIDTH,
            MARGIN,
            HEIGHT - MARGIN,
            WIDTH - 10));
    for (int tenth = 0; tenth <= 10; tenth += 2) {
      text(s, x(tenth / 10.0), HEIGHT - MARGIN + 16, "middle", 10 * tenth + " %");
    }
    text(s, WIDTH / 2.0, HEIGHT - 8, "middle", "arithmetic left");
    for (int i = 0; i * tick <= range * (1 + 1e-9); i++) {
      double y = y(i * tick / range);
      s.append(
          String.format(
              Locale.ROOT,
              "<path d=\"M%d %.1fH%d\" stroke=\"#eee\"/>%n",
              MARGIN + 1,
              y,
              WIDTH - 10));
      String form = tick < 0.1 ? "%.2f" : tick < 1 ? "%.1f" : "%.0f";
      text(s, MARGIN - 6, y + 4, "end", String.format(Locale.ROOT, form, low + i * tick));
    }
    StringBuilder line = new StringBuilder();
    points.stream()
        .sorted(Comparator.comparingDouble(Point::flops))
        .forEach(
            p ->
                line.append(
                    String.format(
                        Locale.ROOT, "%.1f,%.1f ", x(p.flops()), y((p.score() - low) / range))));
    s.append("<polyline fill=\"none\" stroke=\"#27c\" stroke-width=\"2\" points=\"");
    s.append(line).append("\"/>\n");
    for (Point p : points) {
      circle(s, p, low, range, 3, "#27c");
    }
    circle(s, chosen, low, range, 6, "#c22");
    s.append("</svg>\n");
  }

  /** 1, 2 or 5 times a power of ten: four to ten of them in the range. */
  private static double tick(double range) {
    double power = Math.pow(10, Math.floor(Math.log10(Math.max(range, 0.04) / 4)));
    double ratio = range / 4 / power;
    return power * (ratio >= 5 ? 5 : ratio >= 2 ? 2 : 1);
  }

  private static void circle(
      StringBuilder s, Point p, double low, double range, int radius, String fill) {
    s.append(
        String.format(
            Locale.ROOT,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"><title>%.1f %%: %.2f</title>"
                + "</circle>%n",
            x(p.flops()),
            y((p.score() - low) / range),
            radius,
            fill,
            100 * p.flops(),
            p.score()));
  }

  private static double x(double share) {
    return MARGIN + share * (WIDTH - MARGIN - 20);
  }

  private static double y(double share) {
    return HEIGHT - MARGIN - 8 - share * (HEIGHT - MARGIN - 30);
  }

  private static void widths(
      StringBuilder s, ModelConfig before, ModelConfig after, Trial trial, BitSet removed) {
    s.append("<h2>Layers</h2>\n<table><tr><th>layer</th><th>heads left</th>");
    s.append("<th>of</th><th>feed-forward columns left</th><th>of</th></tr>\n");
    List<LayerCut> left = trial.cut(removed).layers();
    for (int l = 0; l < left.size(); l++) {
      LayerShape now = after.shape(l);
      LayerShape was = before.shape(left.get(l).layer());
      s.append(
          String.format(
              Locale.ROOT,
              "<tr><td>%d</td><td>%d</td><td>%d</td><td>%d</td><td>%d</td></tr>%n",
              left.get(l).layer(),
              now.heads().heads().size(),
              was.heads().heads().size(),
              now.intermediateSize(),
              was.intermediateSize()));
    }
    s.append("</table>\n");
  }

  private static void text(StringBuilder s, double x, double y, String anchor, String text) {
    s.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n",
            x,
            y,
            anchor,
            escape(text)));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
