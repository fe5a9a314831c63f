package dev.espalier.model;

import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import java.util.List;
import java.util.Map;

/**
 * What is left of one encoder layer.
 *
 * @param heads its attention heads; may be none
 * @param intermediateSize columns of its feed-forward part; 0 if that is gone
 * @param ranks of the linears that are stored in two factors, by their names in the layer; query,
 *     key and value are all among them or none is
 */
public record LayerShape(HeadLayout heads, int intermediateSize, Map<String, Integer> ranks) {
  public static final String QUERY = "attention.self.query";
  public static final String KEY = "attention.self.key";
  public static final String VALUE = "attention.self.value";
  public static final String ATTENTION_OUTPUT = "attention.output.dense";
  public static final String INTERMEDIATE = "intermediate.dense";
  public static final String OUTPUT = "output.dense";

  /** The linears of a layer, in the order of the forward pass. */
  public static final List<String> LINEARS =
      List.of(QUERY, KEY, VALUE, ATTENTION_OUTPUT, INTERMEDIATE, OUTPUT);

  public LayerShape {
    ranks = Map.copyOf(ranks);
  }

  /** A layer whose linears are whole. */
  public LayerShape(HeadLayout heads, int intermediateSize) {
    this(heads, intermediateSize, Map.of());
  }

  /**
   * Outputs of one of the {@link #LINEARS}.
   *
   * @param hidden the model's hidden size
   */
  public int outputs(String linear, int hidden) {
    return switch (linear) {
      case QUERY, KEY -> heads.qkColumns();
      case VALUE -> heads.vColumns();
      case INTERMEDIATE -> intermediateSize;
      default -> hidden;
    };
  }

  /** Its inputs. */
  public int inputs(String linear, int hidden) {
    return switch (linear) {
      case ATTENTION_OUTPUT -> heads.vColumns();
      case OUTPUT -> intermediateSize;
      default -> hidden;
    };
  }

  /**
   * Floating-point operations (a multiply-add is two) of the layer's linears, for each token.
   *
   * @param hidden the model's hidden size
   */
  public double flopsPerToken(int hidden) {
    double flops = 0;
    for (String linear : LINEARS) {
      double in = inputs(linear, hidden);
      double out = outputs(linear, hidden);
      Integer rank = ranks.get(linear);
      flops += rank == null ? 2 * in * out : 2.0 * rank * (in + out);
    }
    return flops;
  }

  /**
   * Those of attention's two products, for each pair of tokens of one sequence. Heads that look at
   * some neighbours only count nothing here.
   */
  public double flopsPerTokenPair() {
    double flops = 0;
    for (HeadLayout.Head head : heads.heads()) {
      HeadKind kind = head.kind();
      flops += 2.0 * head.qkWidth() + (kind.seesAll() ? 2.0 * head.vWidth() : 0);
    }
    return flops;
  }
}
