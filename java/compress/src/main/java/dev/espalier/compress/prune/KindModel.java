package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Presents a model with heads of other kinds: those that compare no queries with keys lose their
 * rows of both projections.
 */
public final class KindModel {
  private KindModel() {}

  /**
   * @param kinds by layer, then by the head's original index; others stay as they are
   * @param averages for each layer the attention of all its heads, as {@link AverageAttention}
   *     gives it; asked for constant heads only
   * @return the model; nothing is computed before its weights are read, and closing it closes the
   *     source
   * @throws InvalidInputException if there is no such head, if its queries are gone already, if
   *     averages are missing, or if the source has matrices in int8 or in two factors
   */
  public static ModelSource of(
      ModelSource source,
      Map<Integer, Map<Integer, HeadKind>> kinds,
      List<ConstantAttention> averages) {
    ModelConfig config = source.config();
    CutCheckpoint.Builder slices = new CutCheckpoint.Builder(source.weights());
    List<LayerShape> shapes = new ArrayList<>();
    kinds.keySet().forEach(l -> require(l >= 0 && l < config.layers(), "there is no layer " + l));
    CutModel.checkSliceable(source);
    for (int l = 0; l < config.layers(); l++) {
      Map<Integer, HeadKind> wanted = kinds.getOrDefault(l, Map.of());
      LayerShape shape = shape(config, l, wanted, averages);
      shapes.add(shape);
      slice(slices, config.shape(l), shape, EncoderTensors.layer(l));
    }
    OverlaidCheckpoint weights = new OverlaidCheckpoint(slices.build(config.layers()));
    for (int l = 0; l < config.layers(); l++) {
      constants(l, shapes.get(l).heads(), averages, weights);
    }
    return new ModelSource(
        source.name(),
        source.location(),
        config.withShapes(shapes),
        weights,
        source.tokenizer(),
        source.embedding());
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new InvalidInputException(message);
    }
  }

  private static LayerShape shape(
      ModelConfig config, int l, Map<Integer, HeadKind> wanted, List<ConstantAttention> averages) {
    List<HeadLayout.Head> heads = new ArrayList<>();
    Set<Integer> missing = new LinkedHashSet<>(wanted.keySet());
    boolean constant = false;
    for (HeadLayout.Head head : config.shape(l).heads().heads()) {
      HeadKind kind = wanted.getOrDefault(head.index(), head.kind());
      missing.remove(head.index());
      require(
          head.kind().hasQueries() || !kind.hasQueries(),
          "layer " + l + ", head " + head.index() + " is " + head.kind() + ": it has no queries");
      constant |= kind.type() == HeadKind.Type.CONSTANT;
      heads.add(
          new HeadLayout.Head(
              head.index(),
              kind.hasQueries() ? head.qkWidth() : 0,
              head.vWidth(),
              head.scale(),
              kind));
    }
    require(missing.isEmpty(), "layer " + l + " has no heads " + missing);
    require(
        !constant || averages.size() == config.layers(),
        "constant heads need the average attention of all "
            + config.layers()
            + " layers, got "
            + averages.size());
    return new LayerShape(
        new HeadLayout(heads, constant ? averages.get(l).lengths() : List.of()),
        config.shape(l).intermediateSize());
  }

  private static void slice(
      CutCheckpoint.Builder slices, LayerShape from, LayerShape to, String layer) {
    List<Integer> queryKey = new ArrayList<>();
    int at = 0;
    for (int h = 0; h < from.heads().heads().size(); h++) {
      int width = from.heads().heads().get(h).qkWidth();
      for (int c = 0; c < width && to.heads().heads().get(h).kind().hasQueries(); c++) {
        queryKey.add(at + c);
      }
      at += width;
    }
    int[] rows = queryKey.stream().mapToInt(i -> i).toArray();
    int[] all = IntStream.range(0, from.heads().vColumns()).toArray();
    int[] inner = IntStream.range(0, from.intermediateSize()).toArray();
    rows(slices, layer + "." + LayerShape.QUERY, rows);
    rows(slices, layer + "." + LayerShape.KEY, rows);
    rows(slices, layer + "." + LayerShape.VALUE, all);
    String output = layer + "." + LayerShape.ATTENTION_OUTPUT;
    slices.columns(output, output, all, null);
    norm(slices, layer + ".attention.output.LayerNorm");
    rows(slices, layer + "." + LayerShape.INTERMEDIATE, inner);
    output = layer + "." + LayerShape.OUTPUT;
    slices.columns(output, output, inner, null);
    norm(slices, layer + ".output.LayerNorm");
  }

  private static void rows(CutCheckpoint.Builder slices, String name, int[] rows) {
    slices.rows(name, name, rows);
  }

  private static void norm(CutCheckpoint.Builder slices, String name) {
    slices.whole(name, name);
  }

  /** Of all heads' averages those of the constant ones. */
  private static void constants(
      int l, HeadLayout layout, List<ConstantAttention> averages, OverlaidCheckpoint weights) {
    for (int n = 0; n < layout.constantLengths().size(); n++) {
      int length = layout.constantLengths().get(n);
      int size = length * length;
      float[] chosen = new float[layout.constantHeads() * size];
      int at = 0;
      for (int h = 0; h < layout.heads().size(); h++) {
        if (layout.heads().get(h).kind().type() == HeadKind.Type.CONSTANT) {
          System.arraycopy(averages.get(l).matrices().get(n), h * size, chosen, at, size);
          at += size;
        }
      }
      weights.put(
          EncoderTensors.constantAttention(l, length),
          List.of(layout.constantHeads(), length, length),
          chosen);
    }
  }
}
