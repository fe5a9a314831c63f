package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import dev.espalier.task.TextEmbedder;
import dev.espalier.task.Vectors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Measures models on tasks. */
public final class Evaluation {
  /** Texts that are embedded in one call. */
  private static final int CHUNK = 1024;

  /**
   * One figure.
   *
   * @param model as the caller names it
   * @param task e.g. {@code stsb}
   * @param metric e.g. {@code spearman}
   * @param n pairs or texts it was measured on
   * @param seconds the embedding took
   */
  public record Result(
      String model, String task, String metric, double value, int n, double seconds) {}

  private Evaluation() {}

  /**
   * Spearman's correlation of cosines with people's scores, as the STS benchmark asks for (Cer et
   * al. 2017).
   *
   * @throws InvalidInputException if it is not defined: fewer than two pairs, or all scores equal
   */
  public static Result stsb(String model, TextEmbedder embedder, List<ScoredPair> pairs) {
    List<String> texts = new ArrayList<>();
    pairs.forEach(p -> texts.add(p.sentence1()));
    pairs.forEach(p -> texts.add(p.sentence2()));
    long started = System.nanoTime();
    float[][] vectors = embed(embedder, texts);
    double seconds = (System.nanoTime() - started) / 1e9;
    int n = pairs.size();
    double[] cosines = new double[n];
    double[] scores = new double[n];
    for (int i = 0; i < n; i++) {
      cosines[i] = Vectors.cosine(vectors[i], vectors[n + i]);
      scores[i] = pairs.get(i).score();
    }
    return new Result(model, "stsb", "spearman", Spearman.of(cosines, scores), n, seconds);
  }

  /**
   * How far a model's vectors point where a reference's do: the mean and the smallest cosine over
   * texts.
   *
   * @throws InvalidInputException if there is no text, or the two differ in dimensions
   */
  public static List<Result> agreement(
      String model, TextEmbedder embedder, TextEmbedder reference, List<String> texts) {
    if (texts.isEmpty()) {
      throw new InvalidInputException("agreement: there are no texts to compare on");
    }
    if (embedder.dimensions() != reference.dimensions()) {
      throw new InvalidInputException(
          "agreement: vectors of "
              + embedder.dimensions()
              + " and of "
              + reference.dimensions()
              + " values cannot be compared");
    }
    long started = System.nanoTime();
    float[][] a = embed(embedder, texts);
    double seconds = (System.nanoTime() - started) / 1e9;
    float[][] b = embed(reference, texts);
    double sum = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < a.length; i++) {
      double cosine = Vectors.cosine(a[i], b[i]);
      sum += cosine;
      least = Math.min(least, cosine);
    }
    int n = texts.size();
    return List.of(
        new Result(model, "agreement", "mean_cosine", sum / n, n, seconds),
        new Result(model, "agreement", "min_cosine", least, n, seconds));
  }

  /**
   * The texts of a file, one a line; empty lines are left out.
   *
   * @throws InvalidInputException if it cannot be read or is not UTF-8
   */
  public static List<String> texts(Path file) {
    return Table.lines(file).stream().filter(t -> !t.isBlank()).toList();
  }

  private static float[][] embed(TextEmbedder embedder, List<String> texts) {
    float[][] vectors = new float[texts.size()][];
    for (int first = 0; first < vectors.length; first += CHUNK) {
      List<String> chunk = texts.subList(first, Math.min(vectors.length, first + CHUNK));
      System.arraycopy(embedder.embed(chunk), 0, vectors, first, chunk.size());
    }
    return vectors;
  }
}
