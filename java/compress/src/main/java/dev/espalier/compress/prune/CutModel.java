package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Presents what a {@link Cut} leaves of a model: its tensors sliced, factors folded into them. */
public final class CutModel {
  private CutModel() {}

  /**
   * The cut model; nothing is computed before its weights are read. Closing it closes the source.
   *
   * @throws InvalidInputException if the source is stored in int8
   */
  public static ModelSource of(ModelSource source, Cut cut) {
    CutCheckpoint.Builder slices = new CutCheckpoint.Builder(source.weights());
    ModelConfig config = source.config();
    checkSliceable(source);
    for (int l = 0; l < config.layers(); l++) {
      for (HeadLayout.Head head : config.shape(l).heads().heads()) {
        if (!head.kind().equals(HeadKind.FULL)) {
          throw new InvalidInputException(
              source.location()
                  + ": layer "
                  + l
                  + ", head "
                  + head.index()
                  + " is "
                  + head.kind()
                  + "; cut the model whose heads are full, then change their kinds");
        }
      }
    }
    for (int l = 0; l < cut.layers().size(); l++) {
      layer(slices, config, cut.layers().get(l), l);
    }
    return new ModelSource(
        source.name(),
        source.location(),
        cut.config(config),
        slices.build(config.layers()),
        source.tokenizer(),
        source.embedding());
  }

  /**
   * @throws InvalidInputException if a matrix of the encoder is stored in int8 or in two factors
   */
  static void checkSliceable(ModelSource source) {
    ModelConfig config = source.config();
    for (String name : EncoderTensors.required(config).keySet()) {
      if (EncoderTensors.isInt8(source.weights(), name)) {
        throw new InvalidInputException(
            source.location()
                + ": "
                + name
                + " is int8; cut the fp32 model, then quantize what is left");
      }
    }
    for (int l = 0; l < config.layers(); l++) {
      if (!config.shape(l).ranks().isEmpty()) {
        throw new InvalidInputException(
            source.location()
                + ": layer "
                + l
                + " has linears in two factors "
                + config.shape(l).ranks()
                + "; change the model whose linears are whole, then factor what is left");
      }
    }
  }

  private static void layer(
      CutCheckpoint.Builder slices, ModelConfig config, LayerCut cut, int place) {
    LayerShape shape = config.shape(cut.layer());
    String from = EncoderTensors.layer(cut.layer());
    String to = EncoderTensors.layer(place);
    List<Integer> queryKey = new ArrayList<>();
    List<Integer> value = new ArrayList<>();
    List<Float> factors = new ArrayList<>();
    int qkAt = 0;
    int vAt = 0;
    for (HeadLayout.Head head : shape.heads().heads()) {
      for (HeadCut kept : cut.heads()) {
        if (kept.index() == head.index()) {
          for (int c : kept.queryKey()) {
            queryKey.add(qkAt + c);
          }
          for (int c : kept.value()) {
            value.add(vAt + c);
            factors.add(kept.factor());
          }
        }
      }
      qkAt += head.qkWidth();
      vAt += head.vWidth();
    }
    int[] qk = ints(queryKey);
    int[] v = ints(value);
    int[] inner = ints(cut.columns());
    slices.rows(to + ".attention.self.query", from + ".attention.self.query", qk);
    slices.rows(to + ".attention.self.key", from + ".attention.self.key", qk);
    slices.rows(to + ".attention.self.value", from + ".attention.self.value", v);
    slices.columns(
        to + ".attention.output.dense", from + ".attention.output.dense", v, floats(factors));
    slices.whole(to + ".attention.output.LayerNorm", from + ".attention.output.LayerNorm");
    slices.rows(to + ".intermediate.dense", from + ".intermediate.dense", inner);
    slices.columns(
        to + ".output.dense", from + ".output.dense", inner, floats(cut.columnFactors()));
    slices.whole(to + ".output.LayerNorm", from + ".output.LayerNorm");
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(i -> i).toArray();
  }

  /** The factors, or null where they change nothing. */
  private static float[] floats(List<Float> list) {
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i);
    }
    float[] ones = new float[values.length];
    Arrays.fill(ones, 1);
    return Arrays.equals(values, ones) ? null : values;
  }
}
