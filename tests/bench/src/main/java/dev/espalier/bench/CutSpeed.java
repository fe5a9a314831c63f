package dev.espalier.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.espalier.compress.prune.BlockModel;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.KindModel;
import dev.espalier.compress.prune.LowRankModel;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadKind;
import dev.espalier.text.EncodedBatch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * One model whole and with parts of every layer removed, in turns on the same texts: does the time
 * follow the arithmetic that is left?
 */
@Command(name = "cuts", mixinStandardHelpOptions = true)
final class CutSpeed implements Callable<Integer> {
  @Option(names = "--model", required = true)
  private String model;

  @Option(names = "--in", required = true)
  private Path in;

  @Option(names = "--texts", description = "of the file's first (default: 150)")
  private int texts = 150;

  @Option(names = "--rounds", description = "default: 5")
  private int rounds = 5;

  @Option(names = "--threads")
  private int threads = 2;

  @Option(names = "--svg", description = "a plot of time against arithmetic")
  private Path svg;

  @Option(
      names = "--kinds",
      description = "linears and heads of other kinds instead of parts removed")
  private boolean kinds;

  /**
   * A model made of the whole one.
   *
   * @param kept share of the arithmetic of its linears, as its configuration has them, that is left
   */
  private record Shape(String name, UnaryOperator<ModelSource> make, double kept) {
    /**
     * What is left of every layer.
     *
     * @param heads share of the heads, at least one stays
     * @param columns share of the feed-forward columns
     * @param layers share of the layers
     */
    Shape(String name, double heads, double columns, double layers) {
      this(name, m -> CutModel.of(m, cut(m.config(), heads, columns, layers)), 1);
    }
  }

  /** What is measured; the first is the whole model. */
  private List<Shape> shapes = List.of();

  private static final Shape WHOLE = new Shape("whole", UnaryOperator.identity(), 1);

  private static final List<Shape> CUTS =
      List.of(
          WHOLE,
          new Shape("3/4 of heads and columns", 0.75, 0.75, 1),
          new Shape("half of heads and columns", 0.5, 0.5, 1),
          new Shape("1/4 of heads and columns", 0.25, 0.25, 1),
          new Shape("half of the heads", 0.5, 1, 1),
          new Shape("1 head in 12", 1.0 / 12, 1, 1),
          new Shape("1 head in 12, half of the columns", 1.0 / 12, 0.5, 1),
          new Shape("half of the layers", 1, 1, 0.5));

  private static final List<Shape> KINDS =
      List.of(
          WHOLE,
          blocks(0.9),
          blocks(0.75),
          blocks(0.5),
          blocks(0.25),
          rank(128),
          rank(64),
          heads("all heads: previous token", HeadKind.of(HeadKind.Type.PREVIOUS), 1),
          heads("half of the heads: previous token", HeadKind.of(HeadKind.Type.PREVIOUS), 0.5),
          heads("all heads: window of 5", new HeadKind(HeadKind.Type.WINDOW, 2), 1),
          heads("all heads: constant", HeadKind.of(HeadKind.Type.CONSTANT), 1),
          heads("half of the heads: constant", HeadKind.of(HeadKind.Type.CONSTANT), 0.5),
          heads("all heads: top-k, 16 keys", new HeadKind(HeadKind.Type.TOP_K, 16), 1));

  private static Shape blocks(double density) {
    return new Shape(
        "blocks of 16, " + Math.round(100 * density) + " % kept",
        m -> BlockModel.of(m, density, 16),
        density);
  }

  private static Shape rank(int rank) {
    Map<String, Integer> ranks = new TreeMap<>();
    LayerShape.LINEARS.forEach(l -> ranks.put(l, rank));
    return new Shape("all linears of rank " + rank, m -> LowRankModel.of(m, ranks), 1);
  }

  private static Shape heads(String name, HeadKind kind, double share) {
    return new Shape(
        name,
        m -> {
          Map<Integer, Map<Integer, HeadKind>> kinds = new TreeMap<>();
          List<ConstantAttention> averages = new ArrayList<>();
          for (int l = 0; l < m.config().layers(); l++) {
            Map<Integer, HeadKind> layer = new TreeMap<>();
            for (int h = 0; h < m.config().heads() * share; h++) {
              layer.put(h, kind);
            }
            kinds.put(l, layer);
            averages.add(evenly(m.config().heads()));
          }
          return KindModel.of(m, kinds, averages);
        },
        1);
  }

  /** Attention to all tokens alike: the time does not depend on the values. */
  private static ConstantAttention evenly(int heads) {
    List<Integer> lengths = List.of(16, 32, 64, 128, 256);
    return new ConstantAttention(
        lengths,
        lengths.stream()
            .map(
                n -> {
                  float[] p = new float[heads * n * n];
                  Arrays.fill(p, 1f / n);
                  return p;
                })
            .toList());
  }

  /**
   * @param flops share left
   * @param speedup over the whole model, round by round
   * @param processorSpeedup the same in processor time, which others on the machine disturb less
   */
  private record Point(
      Shape shape, DType dtype, double flops, Spread speedup, Spread processorSpeedup) {}

  public static void main(String[] args) {
    System.exit(new CommandLine(new CutSpeed()).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    shapes = kinds ? KINDS : CUTS;
    List<String> lines = TextFile.read(in);
    lines = lines.subList(0, Math.min(texts, lines.size()));
    List<Point> points = new ArrayList<>();
    System.out.println(
        "| left of every layer | arithmetic | fp32: time | fp32: processor time | int8: time |"
            + " int8: processor time |");
    System.out.println("|---|---|---|---|---|---|");
    List<Point> f32 = measure(lines, DType.F32);
    List<Point> i8 = measure(lines, DType.I8);
    for (int s = 0; s < shapes.size(); s++) {
      System.out.printf(
          Locale.ROOT,
          "| %s | %.1f %% | %s | %s | %s | %s |%n",
          shapes.get(s).name(),
          100 * f32.get(s).flops(),
          shown(f32.get(s).speedup()),
          shown(f32.get(s).processorSpeedup()),
          shown(i8.get(s).speedup()),
          shown(i8.get(s).processorSpeedup()));
    }
    points.addAll(f32);
    points.addAll(i8);
    if (svg != null) {
      Files.writeString(svg, plot(points), StandardCharsets.UTF_8);
    }
    return 0;
  }

  private static String shown(Spread s) {
    return String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", s.median(), s.low(), s.high());
  }

  private List<Point> measure(List<String> lines, DType dtype) {
    ModelOptions options =
        ModelOptions.DEFAULT.withBackend("cpu").withThreads(threads).withDtype(dtype);
    List<Model> models = new ArrayList<>();
    try (ModelSource source = Models.open(model)) {
      List<Double> flops = new ArrayList<>();
      for (Shape shape : shapes) {
        ModelSource left = shape.make().apply(source);
        models.add(Model.load(left, options));
        int[] lengths = lengths(models.get(0), lines);
        flops.add(
            Work.flops(left.config(), lengths)
                - (1 - shape.kept()) * Work.linearFlops(left.config(), lengths));
      }
      double[][] seconds = new double[shapes.size()][rounds];
      double[][] processor = new double[shapes.size()][rounds];
      OperatingSystemMXBean system =
          ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
      for (int r = -1; r < rounds; r++) {
        for (int s = 0; s < models.size(); s++) {
          long started = System.nanoTime();
          long used = system.getProcessCpuTime();
          new TextEmbedder(models.get(s)).embed(lines);
          if (r >= 0) {
            seconds[s][r] = (System.nanoTime() - started) / 1e9;
            processor[s][r] = (system.getProcessCpuTime() - used) / 1e9;
          }
        }
      }
      List<Point> points = new ArrayList<>();
      for (int s = 0; s < shapes.size(); s++) {
        points.add(
            new Point(
                shapes.get(s),
                dtype,
                flops.get(s) / flops.get(0),
                speedup(seconds, s),
                speedup(processor, s)));
      }
      return points;
    } finally {
      models.forEach(Model::close);
    }
  }

  private static Spread speedup(double[][] seconds, int s) {
    return Spread.of(
        IntStream.range(0, seconds[0].length)
            .mapToDouble(r -> seconds[0][r] / seconds[s][r])
            .toArray());
  }

  private static int[] lengths(Model whole, List<String> lines) {
    EncodedBatch encoded = new EncodedBatch();
    int most = whole.embeddingSettings().map(e -> e.maxLength()).orElse(256);
    whole.tokenizer().encodeBatch(lines, most, 1, encoded);
    return IntStream.range(0, encoded.size()).map(encoded::length).toArray();
  }

  private static Cut cut(
      ModelConfig config, double headShare, double columnShare, double layerShare) {
    int heads = (int) Math.max(1, Math.round(config.heads() * headShare));
    int columns = (int) Math.round(config.intermediateSize() * columnShare);
    int layers = (int) Math.max(1, Math.round(config.layers() * layerShare));
    Map<Integer, List<Integer>> gone = new TreeMap<>();
    Map<Integer, List<Integer>> kept = new TreeMap<>();
    for (int l = 0; l < config.layers(); l++) {
      gone.put(l, IntStream.range(heads, config.heads()).boxed().toList());
      kept.put(l, IntStream.range(0, columns).boxed().toList());
    }
    Cut cut = Cut.nothing(config).withoutHeads(gone).withColumns(kept);
    return layers == config.layers()
        ? cut
        : cut.withoutLayers(IntStream.range(layers, config.layers()).boxed().toList());
  }

  /** Share of the time against share of the arithmetic; on the diagonal the time follows. */
  private static String plot(List<Point> points) {
    StringBuilder s = new StringBuilder();
    s.append("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"520\" height=\"440\"");
    s.append(" font-family=\"sans-serif\" font-size=\"12\">\n");
    s.append("<rect width=\"520\" height=\"440\" fill=\"#fff\"/>\n");
    s.append("<path d=\"M60 20V380H500M60 380L480 20\" fill=\"none\" stroke=\"#aaa\"/>\n");
    for (int tenth = 0; tenth <= 10; tenth += 2) {
      s.append(text(60 + 42 * tenth, 398, "middle", 10 * tenth + " %"));
      s.append(text(52, 384 - 36 * tenth, "end", 10 * tenth + " %"));
    }
    s.append(text(280, 424, "middle", "arithmetic left"));
    s.append("<text x=\"14\" y=\"200\" text-anchor=\"middle\"");
    s.append(" transform=\"rotate(-90 14 200)\">processor time</text>\n");
    for (Point p : points) {
      boolean f32 = p.dtype() == DType.F32;
      s.append(
          String.format(
              Locale.ROOT,
              "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>%s,"
                  + " %s</title></circle>%n",
              60 + 420 * p.flops(),
              380 - 360 / p.processorSpeedup().median(),
              f32 ? "#27c" : "#c72",
              p.shape().name(),
              f32 ? "fp32" : "int8"));
    }
    s.append("<circle cx=\"90\" cy=\"40\" r=\"5\" fill=\"#27c\"/>")
        .append(text(102, 44, "start", "fp32"));
    s.append("<circle cx=\"90\" cy=\"60\" r=\"5\" fill=\"#c72\"/>")
        .append(text(102, 64, "start", "int8"));
    return s.append("</svg>\n").toString();
  }

  private static String text(int x, int y, String anchor, String text) {
    return "<text x=\""
        + x
        + "\" y=\""
        + y
        + "\" text-anchor=\""
        + anchor
        + "\">"
        + text
        + "</text>\n";
  }
}
