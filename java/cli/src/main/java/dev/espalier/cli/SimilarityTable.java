package dev.espalier.cli;

import dev.espalier.task.Vectors;
import java.util.List;
import java.util.Locale;

/** Sentences, which is nearest to which, and the cosine of each with each. */
final class SimilarityTable {
  private static final int CELL = 4;

  private final List<DemoTexts.Sentence> sentences;
  private final double[][] cosine;
  private final boolean colour;

  /**
   * @param colour whether cells are shaded with a terminal's colours
   */
  SimilarityTable(List<DemoTexts.Sentence> sentences, float[][] vectors, boolean colour) {
    this.sentences = sentences;
    this.colour = colour;
    int n = sentences.size();
    cosine = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        cosine[i][j] = i == j ? 1 : Vectors.cosine(vectors[i], vectors[j]);
      }
    }
  }

  private int nearest(int i) {
    int best = -1;
    for (int j = 0; j < sentences.size(); j++) {
      if (j != i && (best < 0 || cosine[i][j] > cosine[i][best])) {
        best = j;
      }
    }
    return best;
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    appendSentences(s);
    s.append('\n');
    appendMatrix(s);
    return s.toString();
  }

  private void appendSentences(StringBuilder s) {
    int width = sentences.stream().mapToInt(x -> x.text().length()).max().orElse(0);
    s.append(String.format(Locale.ROOT, "    %-" + width + "s   nearest%n", ""));
    for (int i = 0; i < sentences.size(); i++) {
      int j = nearest(i);
      s.append(
          String.format(
              Locale.ROOT,
              "%2d  %-" + width + "s   %2d  %.2f%n",
              i + 1,
              sentences.get(i).text(),
              j + 1,
              cosine[i][j]));
    }
  }

  private void appendMatrix(StringBuilder s) {
    int n = sentences.size();
    int width = sentences.stream().mapToInt(x -> x.label().length()).max().orElse(0);
    s.append(" ".repeat(4 + width + 1));
    for (int j = 0; j < n; j++) {
      s.append(String.format(Locale.ROOT, "%" + CELL + "d", j + 1));
    }
    s.append('\n');
    for (int i = 0; i < n; i++) {
      String label = sentences.get(i).label();
      s.append(String.format(Locale.ROOT, "%2d  %-" + width + "s ", i + 1, label));
      for (int j = 0; j < n; j++) {
        s.append(cell(cosine[i][j], i == j));
      }
      s.append('\n');
    }
  }

  /** A cosine in hundredths, which is all that fits and all that is of interest. */
  private String cell(double value, boolean diagonal) {
    String text = diagonal ? "." : Long.toString(Math.round(100 * value));
    String padded = " ".repeat(CELL - text.length()) + text;
    if (!colour || diagonal) {
      return padded;
    }
    // Of the 256 colours the greys from 234 up, green where texts are clearly alike.
    int background = value >= 0.4 ? 28 : 234 + (int) Math.round(20 * Math.max(0, value));
    return "\u001b[38;5;252;48;5;" + background + "m" + padded + "\u001b[0m";
  }
}
