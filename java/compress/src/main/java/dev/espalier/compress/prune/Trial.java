package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.HeadMask;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Measures what a model is worth without some of its parts. What was measured once is remembered,
 * in a {@link Journal} across runs. Not thread-safe.
 */
public final class Trial implements AutoCloseable {
  /** Steps of a curve. */
  private static final int CURVE_POINTS = 8;

  /** Parts of a set that the journal names one by one. */
  private static final int MOST_NAMED = 256;

  /** Rounds of a timing. */
  private static final int ROUNDS = 5;

  private final ModelSource source;
  private final Model whole;
  private final ModelOptions options;
  private final Objective objective;
  private final Journal journal;
  private final List<Part> parts;
  private final double[] flops;
  private final double allFlops;

  /** Null until somebody asks. */
  private ExampleLosses exampleLosses;

  private double[] wholeLosses;

  /**
   * With columns in blocks by their weights.
   *
   * @param source stays open
   * @param blocks that the columns of each layer are cut into
   * @param length mean tokens of a text, for counting arithmetic
   */
  public Trial(
      ModelSource source,
      ModelOptions options,
      Objective objective,
      Journal journal,
      int blocks,
      double length) {
    this(source, options, objective, journal, blocks, length, t -> ColumnScores.ofWeights(source));
  }

  /**
   * @param columnScores scores of the columns of each layer, asked for once: columns of like score
   *     share a block
   */
  public Trial(
      ModelSource source,
      ModelOptions options,
      Objective objective,
      Journal journal,
      int blocks,
      double length,
      Function<Trial, double[][]> columnScores) {
    this.source = source;
    this.options = options;
    this.objective = objective;
    this.journal = journal;
    this.whole = Model.load(source, options);
    try {
      this.parts = Part.of(source.config(), columnScores.apply(this), blocks);
    } catch (RuntimeException | Error e) {
      whole.close();
      throw e;
    }
    this.flops = parts.stream().mapToDouble(p -> p.flops(source.config(), length)).toArray();
    this.allFlops = Flops.of(source.config(), length);
  }

  public List<Part> parts() {
    return parts;
  }

  public ModelSource source() {
    return source;
  }

  ModelOptions options() {
    return options;
  }

  /** The whole model. */
  public Model whole() {
    return whole;
  }

  /** Floating-point operations of a part. */
  double flops(int part) {
    return flops[part];
  }

  /** Those of the whole model. */
  double wholeFlops() {
    return allFlops;
  }

  /** The share of the arithmetic that stays without these parts. */
  public double flopsLeft(BitSet removed) {
    return 1 - removed.stream().mapToDouble(p -> flops[p]).sum() / allFlops;
  }

  /** The score without these parts. */
  public double score(BitSet removed) {
    return journal.get(
        name(removed),
        () -> {
          if (removed.stream().allMatch(p -> parts.get(p).isHead())) {
            return objective.score(whole.withHeadMask(mask(removed)));
          }
          try (Model model = model(removed)) {
            return objective.score(model);
          }
        });
  }

  /**
   * The mean square of what the loss of each example changes by without these parts. Second order
   * like {@link Fisher}: a mean of the changes themselves is the sample's noise where single parts
   * change little, and a score of right answers does not change at all.
   *
   * @param gradients whose losses are meant
   */
  double lossChange(BitSet removed, Gradients gradients) {
    return journal.get(
        "loss change " + name(removed),
        () -> {
          if (wholeLosses == null) {
            wholeLosses = losses(new BitSet(), gradients);
          }
          double[] left = losses(removed, gradients);
          double sum = 0;
          for (int i = 0; i < left.length; i++) {
            sum += (left[i] - wholeLosses[i]) * (left[i] - wholeLosses[i]);
          }
          return sum / left.length;
        });
  }

  /** The loss of each example without these parts. */
  double[] losses(BitSet removed, Gradients gradients) {
    BitSet heads = new BitSet();
    BitSet columns = new BitSet();
    removed.stream().forEach(p -> (parts.get(p).isHead() ? heads : columns).set(p));
    if (exampleLosses == null) {
      exampleLosses = new ExampleLosses(options);
    }
    return exampleLosses.of(
        columns, () -> CutModel.of(source, cut(columns)), mask(heads), gradients.losses(this));
  }

  /** The score of what a cut leaves, measured anew. */
  public double score(Cut cut) {
    try (Model model = Model.load(CutModel.of(source, cut), options)) {
      return objective.score(model);
    }
  }

  /** A set's name in the journal: its parts, or what they hash to where they are many. */
  private static String name(BitSet removed) {
    if (removed.cardinality() <= MOST_NAMED) {
      return removed.toString();
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return "sha256:" + HexFormat.of().formatHex(digest.digest(removed.toByteArray()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Points that are lost without these parts; negative if it got better. */
  public double loss(BitSet removed) {
    return score(new BitSet()) - score(removed);
  }

  /**
   * The share of the whole model's time that is left without these parts: the median of rounds in
   * which both measure the objective in turns. Remembered like a score, for it differs each time.
   */
  public double latencyLeft(BitSet removed) {
    return journal.get(
        "latency " + name(removed),
        () -> {
          try (Model model = model(removed)) {
            double[] ratios = new double[ROUNDS];
            for (int r = 0; r < ROUNDS; r++) {
              ratios[r] = seconds(model) / seconds(whole);
            }
            Arrays.sort(ratios);
            return ratios[ROUNDS / 2];
          }
        });
  }

  private double seconds(Model model) {
    long started = System.nanoTime();
    objective.score(model);
    return (System.nanoTime() - started) / 1e9;
  }

  /** The model without these parts, loaded; the caller closes it. */
  public Model model(BitSet removed) {
    return Model.load(CutModel.of(source, cut(removed)), options);
  }

  /**
   * Scores on the way to {@code removed}, its parts leaving in the order of their worth for their
   * arithmetic, a few at a time.
   */
  public List<PruneReport.Point> curve(double[] worth, BitSet removed) {
    List<Integer> order = new ArrayList<>(removed.stream().boxed().toList());
    order.sort(
        Comparator.comparingDouble((Integer p) -> worth[p] / flops[p]).thenComparing(p -> p));
    List<PruneReport.Point> points = new ArrayList<>();
    BitSet gone = new BitSet();
    for (int step = 0; step <= CURVE_POINTS; step++) {
      order.subList(0, step * order.size() / CURVE_POINTS).forEach(gone::set);
      points.add(new PruneReport.Point(flopsLeft(gone), score(gone)));
    }
    return points;
  }

  private HeadMask mask(BitSet removed) {
    ModelConfig config = source.config();
    float[] factors = HeadMask.ones(config.layers(), config.heads()).values();
    removed.stream()
        .mapToObj(parts::get)
        .forEach(p -> factors[p.layer() * config.heads() + p.head()] = 0);
    return HeadMask.of(config.layers(), config.heads(), factors);
  }

  /** What stays without these parts. */
  public Cut cut(BitSet removed) {
    Cut whole = Cut.nothing(source.config());
    SortedMap<Integer, List<Integer>> heads = new TreeMap<>();
    Map<Integer, SortedSet<Integer>> columns = new TreeMap<>();
    removed.stream()
        .mapToObj(parts::get)
        .forEach(
            p -> {
              if (p.isHead()) {
                heads.computeIfAbsent(p.layer(), l -> new ArrayList<>()).add(p.head());
              } else {
                columns
                    .computeIfAbsent(p.layer(), l -> new TreeSet<>(whole.layers().get(l).columns()))
                    .removeAll(p.columns());
              }
            });
    return whole.withoutHeads(heads).withColumns(columns);
  }

  @Override
  public void close() {
    if (exampleLosses != null) {
      exampleLosses.close();
    }
    whole.close();
  }
}
