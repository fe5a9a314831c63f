package dev.espalier.model;

import dev.espalier.format.OnnxWriter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Writes a small BERT as ONNX in one of the ways exporters do, and knows which weights must be
 * found in it. Pieces can be replaced, to see each refused.
 */
public final class OnnxFixture {
  static final int HIDDEN = 6;
  static final int HEADS = 2;
  static final int WIDTH = 3;
  static final int INTER = 5;
  static final int VOCAB = 7;
  static final int POSITIONS = 4;

  private final OnnxWriter out = new OnnxWriter();
  private final Random random = new Random(3);

  /** What the reader must find: canonical name to values, [out, in]. */
  final Map<String, float[]> expected = new LinkedHashMap<>();

  /** Likewise the codes and zero points of int8 matrices; those of U8 less 128. */
  final Map<String, byte[]> expectedCodes = new LinkedHashMap<>();

  /** Whether LayerNorm, masks, scales and so on are written as newer exporters do. */
  private final boolean modern;

  private final Map<String, String> changes = new HashMap<>();
  private int names;

  /**
   * @param changes what to write differently: see the uses of {@link #is}
   */
  public OnnxFixture(boolean modern, Map<String, String> changes) {
    this.modern = modern;
    this.changes.putAll(changes);
  }

  private boolean is(String change, String value) {
    return value.equals(changes.get(change));
  }

  private String or(String change, String usual) {
    return changes.getOrDefault(change, usual);
  }

  public byte[] bytes(int layers) {
    out.input("input_ids", "attention_mask");
    out.floats("two", List.of(), 2f).floats("one", List.of(), 1f).floats("half", List.of(), 0.5f);
    out.floats("big", List.of(), -3e38f).floats("root2", List.of(), (float) Math.sqrt(2));
    out.floats("scale", List.of(), Float.parseFloat(or("scale", "" + (float) Math.sqrt(WIDTH))));
    out.longs("minus1", List.of(1), -1)
        .longs("zero", List.of(1), 0)
        .longs("end", List.of(1), 99)
        .longs("minus2", List.of(1), -2)
        .longs("begin", List.of(1), Long.MIN_VALUE)
        .longs("one1", List.of(1), 1);
    out.longs("zero0", List.of(), 0).longs("one0", List.of(), 1);
    out.longs("cut", List.of(4), 0, 0, HEADS, WIDTH).longs("join", List.of(3), 0, 0, HIDDEN);
    mask();
    String x = embeddings();
    for (int i = 0; i < layers; i++) {
      x = layer(x, EncoderTensors.layer(i));
    }
    if (modern) {
      out.node("Gather", "first", x + " zero0", "axis", 1L);
      gemm("pooled", "first", "pooler.dense");
      out.node("Tanh", "pooler_output", "pooled");
    }
    if (is("after", "classifier")) {
      out.node("MatMul", "logits", x + " " + weight("classifier", HIDDEN, 2));
    }
    return out.toBytes();
  }

  private void mask() {
    out.node("Unsqueeze", "m1", "attention_mask one1");
    out.node("Cast", "m2", "m1", "to", 1L);
    out.node("Sub", "m3", "one m2");
    if (is("mask", "trilu")) {
      out.node("Trilu", "m4", "m3");
    } else if (is("mask", "bias")) {
      out.floats("learned", List.of(2), 1, 2).node("Add", "m4", "m3 learned");
    } else {
      out.node("Identity", "m4", "m3");
    }
    out.node("Mul", "mask", is("mask", "constant") ? "one big" : "m4 big");
    out.node("Equal", "hidden", "m4 one");
  }

  private String embeddings() {
    out.node("Shape", "s", "input_ids").node("Gather", "length", "s one0", "axis", 0L);
    words();
    String positions = "p2";
    if (modern) {
      out.node("Range", "p1", "zero0 length one0").node("Unsqueeze", "p2", "p1 zero");
      out.node(
          "ConstantOfShape",
          "t",
          "s",
          "value",
          OnnxWriter.tensor("", 7, List.of(1), OnnxWriter.rawLongs(is("types", "one") ? 1 : 0)));
    } else {
      long first = is("positions", "offset") ? 2 : 0;
      out.longs("ids", List.of(1, POSITIONS), first, first + 1, first + 2, first + 3);
      out.node("Slice", "p2", "ids " + (is("positions", "slice") ? "one1" : "zero") + " end one1");
      out.input("token_type_ids").node("Identity", "t", "token_type_ids");
    }
    if (is("positions", "cumsum")) {
      out.node("CumSum", "p3", "attention_mask one0");
      positions = "p3";
    }
    out.node("Gather", "pos", table("embeddings.position_embeddings", POSITIONS) + " " + positions);
    out.node("Gather", "types", table("embeddings.token_type_embeddings", 2) + " t");
    out.node("Add", "e1", "words types").node("Add", "e2", "pos e1");
    return norm("e2", "embeddings.LayerNorm");
  }

  private void words() {
    String name = "embeddings.word_embeddings";
    if (!changes.containsKey("int8")) {
      out.node("Gather", "words", table(name, VOCAB) + " input_ids", "axis", 0L);
      return;
    }
    int8().lookUp("words", "input_ids", name, VOCAB, HIDDEN);
  }

  private OnnxInt8Fixture int8() {
    float scale = Float.parseFloat(or("int8 scale", "1"));
    return new OnnxInt8Fixture(this, out, random, is("int8", "U8"), scale);
  }

  private String layer(String x, String name) {
    String self = name + ".attention.self.";
    String q = heads(linear(x, self + "query", HIDDEN, HIDDEN), "cut");
    String k = heads(linear(x, self + "key", HIDDEN, HIDDEN), or("keycut", "cut"));
    String v =
        heads(linear(is("value", "foreign") ? "e2" : x, self + "value", HIDDEN, HIDDEN), "cut");
    out.node("Transpose", q + "t", q, "perm", new long[] {0, 2, 1, 3});
    out.node("Transpose", v + "t", v, "perm", new long[] {0, 2, 1, 3});
    String scores = next("scores");
    if (modern) {
      // As torch.nn.functional.scaled_dot_product_attention is exported: both sides by the root of
      // the scale.
      out.node("Transpose", k + "u", k, "perm", new long[] {0, 2, 1, 3});
      if (changes.containsKey("swap")) {
        swap(k + "t", k + "u", is("swap", "flat") ? k + "tb " + k + "ta" : k + "ta " + k + "tb");
      } else {
        out.node("Transpose", k + "t", k + "u", "perm", new long[] {0, 1, 3, 2});
      }
      out.node("Shape", q + "s", q + "t").node("Slice", q + "w", q + "s minus1 end");
      out.node("Cast", q + "f", q + "w", "to", 1L)
          .node("Sqrt", q + "r", q + "f")
          .node("Div", q + "i", "one " + q + "r");
      out.node("Sqrt", q + "j", q + "i");
      out.node("Mul", q + "x", q + "t " + q + "j").node("Mul", k + "x", k + "t " + q + "j");
      out.node("MatMul", scores + "a", q + "x " + k + "x");
      out.node("Where", scores, "hidden big " + scores + "a");
    } else {
      out.node(
          "Transpose",
          k + "t",
          k,
          "perm",
          is("perm", "wrong") ? new long[] {0, 2, 1, 3} : new long[] {0, 2, 3, 1});
      out.node("MatMul", scores + "a", q + "t " + k + "t");
      out.node("Div", scores + "b", scores + "a scale");
      out.node("Add", scores, scores + "b mask");
    }
    out.node("Softmax", scores + "p", scores, "axis", Long.valueOf(or("axis", "-1")));
    out.node("MatMul", scores + "v", scores + "p " + v + "t");
    out.node("Transpose", scores + "w", scores + "v", "perm", new long[] {0, 2, 1, 3});
    out.node("Reshape", scores + "c", scores + "w join");
    String a = linear(scores + "c", name + ".attention.output.dense", HIDDEN, HIDDEN);
    out.node("Add", a + "r", a + " " + x);
    String h = norm(a + "r", name + ".attention.output.LayerNorm");
    String act = activation(linear(h, name + ".intermediate.dense", HIDDEN, INTER));
    String f = linear(act, name + ".output.dense", INTER, HIDDEN);
    out.node("Add", f + "r", h + " " + f);
    return norm(f + "r", name + ".output.LayerNorm");
  }

  /** The last two dimensions, as torch's newer exporter swaps those of keys: by way of three. */
  private void swap(String y, String x, String lastTwo) {
    out.node("Shape", y + "s", x)
        .node("Slice", y + "a", y + "s minus2 minus1")
        .node("Slice", y + "b", y + "s minus1 end")
        .node("Slice", y + "c", y + "s begin minus2");
    out.node("Concat", y + "d", "minus1 " + y + "a " + y + "b", "axis", 0L)
        .node("Reshape", y + "1", x + " " + y + "d")
        .node("Transpose", y + "2", y + "1", "perm", new long[] {0, 2, 1});
    out.node("Concat", y + "e", y + "c " + lastTwo, "axis", 0L)
        .node("Reshape", y, y + "2 " + y + "e");
  }

  private String heads(String x, String shape) {
    String y = next("heads");
    if (shape.equals("unknown")) {
      out.node("Shape", y + "s", x);
      shape = y + "s";
    }
    out.node("Reshape", y, x + " " + shape);
    return y;
  }

  private String activation(String u) {
    String y = next("act");
    switch (or("act", modern ? "gelu_new" : "gelu")) {
      case "gelu" ->
          out.node("Div", y + "1", u + " root2")
              .node("Erf", y + "2", y + "1")
              .node("Add", y + "3", y + "2 one")
              .node("Mul", y + "4", u + " " + y + "3")
              .node("Mul", y, y + "4 half");
      case "gelu_new" -> {
        out.floats(y + "c", List.of(), 0.044715f)
            .floats(y + "d", List.of(), 0.7978845834732056f)
            .floats(y + "e", List.of(), 3);
        out.node("Pow", y + "1", u + " " + y + "e")
            .node("Mul", y + "2", y + "1 " + y + "c")
            .node("Add", y + "3", u + " " + y + "2");
        out.node("Mul", y + "4", y + "3 " + y + "d")
            .node("Tanh", y + "5", y + "4")
            .node("Add", y + "6", "one " + y + "5");
        out.node("Mul", y + "7", u + " half").node("Mul", y, y + "7 " + y + "6");
      }
      case "gelu_fast" -> {
        out.floats(y + "c", List.of(), 0.044715f).floats(y + "d", List.of(), 0.7978845608f);
        out.node("Mul", y + "1", u + " " + y + "d")
            .node("Mul", y + "2", u + " " + y + "c")
            .node("Mul", y + "3", y + "2 " + u);
        out.node("Add", y + "4", y + "3 one")
            .node("Mul", y + "5", y + "1 " + y + "4")
            .node("Tanh", y + "6", y + "5");
        out.node("Add", y + "7", y + "6 one")
            .node("Mul", y + "8", u + " half")
            .node("Mul", y, y + "8 " + y + "7");
      }
      case "quick_gelu" -> {
        out.floats(y + "c", List.of(), 1.702f).node("Mul", y + "1", u + " " + y + "c");
        out.node("Sigmoid", y + "2", y + "1").node("Mul", y, u + " " + y + "2");
      }
      case "silu" -> out.node("Sigmoid", y + "2", u).node("Mul", y, u + " " + y + "2");
      case "relu" -> out.node("Relu", y, u);
      case "tanh" -> out.node("Tanh", y, u);
      case "op" -> out.node("Gelu", y, u, "approximate", "tanh");
      default -> out.node(or("act", ""), y, u);
    }
    return y;
  }

  private String norm(String x, String name) {
    String y = next("norm");
    String w = vector(name + ".weight", HIDDEN);
    String b = vector(name + ".bias", HIDDEN);
    float eps = name.contains("layer.0.output") ? Float.parseFloat(or("eps", "1e-5")) : 1e-5f;
    if (modern) {
      out.node("LayerNormalization", y, x + " " + w + " " + b, "axis", -1L, "epsilon", eps);
      return y;
    }
    long[] last = {-1};
    out.floats(y + "e", List.of(), eps);
    out.node("ReduceMean", y + "1", x, "axes", last).node("Sub", y + "2", x + " " + y + "1");
    out.node("Pow", y + "3", y + "2 two").node("ReduceMean", y + "4", y + "3", "axes", last);
    out.node("Add", y + "5", y + "4 " + y + "e")
        .node("Sqrt", y + "6", y + "5")
        .node("Div", y + "7", y + "2 " + y + "6");
    out.node("Mul", y + "8", y + "7 " + w).node("Add", y, y + "8 " + b);
    return y;
  }

  private String linear(String x, String name, int in, int width) {
    String y = next("linear");
    if (changes.containsKey("int8")) {
      String product = int8().product(x, name, in, width);
      out.node("Add", y, vector(name + ".bias", width) + " " + product);
      return y;
    }
    String w = weight(name, in, width);
    if (modern) {
      // Stored [out, in] and transposed in the graph, behind a copy.
      out.node("Identity", y + "i", w)
          .node("Transpose", y + "t", y + "i", "perm", new long[] {1, 0});
      w = y + "t";
    }
    out.node(or("matmul", "MatMul"), y + "m", x + " " + w);
    out.node("Add", y, vector(name + ".bias", width) + " " + y + "m");
    return y;
  }

  private void gemm(String y, String x, String name) {
    String w = weight(name, HIDDEN, HIDDEN);
    out.node(
        "Gemm",
        y,
        x + " " + w + " " + vector(name + ".bias", HIDDEN),
        "transB",
        1L,
        "alpha",
        1f,
        "beta",
        1f);
  }

  /** A linear weight: the modern form has it [out, in], the other [in, out]. */
  private String weight(String name, int in, int width) {
    float[] values = random(in * width);
    expected.put(name + ".weight", values);
    String y = next("anonymous");
    float[] stored = values;
    if (!modern) {
      stored = new float[values.length];
      for (int o = 0; o < width; o++) {
        for (int i = 0; i < in; i++) {
          stored[i * width + o] = values[o * in + i];
        }
      }
    }
    out.floats(y, modern ? List.of(width, in) : List.of(in, width), stored);
    return y;
  }

  private String table(String name, int rows) {
    float[] values = random(rows * HIDDEN);
    expected.put(name + ".weight", values);
    String y = next("table");
    out.floats(y, List.of(rows, HIDDEN), values);
    return y;
  }

  private String vector(String name, int width) {
    float[] values = random(width);
    expected.put(name, values);
    String y = next("vector");
    out.floats(y, List.of(width), values);
    return y;
  }

  private float[] random(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  String next(String kind) {
    return kind + names++ + "_";
  }
}
