package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.OnnxCheckpoint;
import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxModel;
import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Finds a BERT encoder in an ONNX graph by what its operations compute, never by the names of its
 * weights: exporters leave linear weights nameless and transposed. From the Gather on {@code
 * input_ids} the hidden state is followed from LayerNorm to LayerNorm; whatever lies between two of
 * them must be exactly BERT's attention or feed-forward block.
 */
final class OnnxBert {
  private final OnnxGraph graph;
  private final OptionalInt headsHint;
  private final OnnxMask mask;
  private final Map<String, Weight> weights = new LinkedHashMap<>();
  private final Set<OnnxTensor> used = Collections.newSetFromMap(new IdentityHashMap<>());
  private final List<Integer> heads = new ArrayList<>();
  private int headSize;
  private int intermediate;
  private Activation activation;

  private OnnxBert(OnnxModel model, OptionalInt headsHint) {
    this.graph = new OnnxGraph(model);
    this.headsHint = headsHint;
    this.mask = new OnnxMask(graph);
  }

  /** What the graph says of itself, and its tensors under their canonical names. */
  record Found(ModelConfig config, OnnxCheckpoint weights) {}

  /**
   * @param headsHint heads a layer, for a graph that does not tell
   * @throws UnsupportedModelException naming the first node that is not BERT's
   */
  static Found in(OnnxModel model, OptionalInt headsHint) {
    return new OnnxBert(model, headsHint).find();
  }

  private Found find() {
    OnnxQuantized.refuseOthers(graph);
    Map<String, OnnxNorm> norms = OnnxNorm.all(graph);
    graph.markInside(norms.keySet());
    OnnxEmbeddings embeddings = OnnxEmbeddings.of(graph, norms.values());
    add(EncoderTensors.WORD_EMBEDDINGS, embeddings.words());
    add(EncoderTensors.POSITION_EMBEDDINGS, embeddings.positions());
    add(EncoderTensors.TYPE_EMBEDDINGS, embeddings.types());
    add(EncoderTensors.EMBEDDING_NORM, embeddings.norm());
    Map<String, List<OnnxNorm>> byTerm = new LinkedHashMap<>();
    for (OnnxNorm norm : norms.values()) {
      new HashSet<>(norm.terms(graph))
          .forEach(t -> byTerm.computeIfAbsent(t, k -> new ArrayList<>()).add(norm));
    }
    double eps = embeddings.norm().eps();
    OnnxNorm hidden = embeddings.norm();
    for (OnnxNorm next; (next = residual(byTerm, hidden)) != null; ) {
      OnnxNorm middle = next;
      OnnxNorm out = residual(byTerm, middle);
      if (out == null) {
        throw graph.unsupported(
            graph.describe(middle.output()) + ": no feed-forward block follows this attention");
      }
      layer(hidden, middle, out);
      if (middle.eps() != eps || out.eps() != eps) {
        throw graph.unsupported(
            graph.describe(out.output())
                + ": LayerNorms differ in epsilon: "
                + eps
                + ", "
                + middle.eps()
                + ", "
                + out.eps());
      }
      hidden = out;
    }
    if (!(eps > 0 && eps < 1)) {
      throw graph.unsupported(
          graph.describe(hidden.output()) + ": epsilon " + eps + ", expected above 0 and below 1");
    }
    if (heads.isEmpty()) {
      throw graph.unsupported("no encoder layer follows the embeddings");
    }
    after(hidden.output());
    return new Found(config(embeddings, eps), new OnnxCheckpoint(graph.model, weights));
  }

  /** The one LayerNorm that adds something to {@code hidden}; null if the encoder ends there. */
  private OnnxNorm residual(Map<String, List<OnnxNorm>> byTerm, OnnxNorm hidden) {
    List<OnnxNorm> norms = byTerm.getOrDefault(graph.strip(hidden.output()), List.of());
    if (norms.size() > 1) {
      throw graph.unsupported(
          graph.describe(hidden.output())
              + ": "
              + norms.size()
              + " LayerNorms add to it, expected one");
    }
    return norms.isEmpty() ? null : norms.get(0);
  }

  private void layer(OnnxNorm hidden, OnnxNorm middle, OnnxNorm out) {
    String name = EncoderTensors.layer(heads.size());
    OnnxLinear attentionOut = branch(hidden, middle, name + " attention output");
    OnnxAttention attention = OnnxAttention.of(graph, mask, attentionOut.input(), headsHint);
    String from = graph.strip(hidden.output());
    for (OnnxLinear side : List.of(attention.query(), attention.key(), attention.value())) {
      if (!side.input().equals(from)) {
        throw graph.unsupported(
            graph.describe(side.input())
                + ": "
                + name
                + " attends to this, expected "
                + graph.describe(from));
      }
    }
    OnnxLinear down = branch(middle, out, name + " output");
    OnnxActivation act = OnnxActivation.of(graph, down.input());
    OnnxLinear up = OnnxLinear.of(graph, act.input(), name + " intermediate");
    if (!up.input().equals(graph.strip(middle.output()))) {
      throw graph.unsupported(
          graph.describe(up.input()) + ": " + name + "'s feed-forward block reads this");
    }
    if (heads.isEmpty()) {
      headSize = attention.headSize();
      intermediate = up.out();
      activation = act.kind();
    } else if (headSize != attention.headSize()
        || intermediate != up.out()
        || activation != act.kind()) {
      throw graph.unsupported(
          name + " differs from the first layer in head width, intermediate width or activation");
    }
    heads.add(attention.heads());
    add(name + ".attention.self.query", attention.query());
    add(name + ".attention.self.key", attention.key());
    add(name + ".attention.self.value", attention.value());
    add(name + ".attention.output.dense", attentionOut);
    add(name + ".attention.output.LayerNorm", middle);
    add(name + ".intermediate.dense", up);
    add(name + ".output.dense", down);
    add(name + ".output.LayerNorm", out);
  }

  /** What {@code norm} adds to the hidden state of {@code hidden}. */
  private OnnxLinear branch(OnnxNorm hidden, OnnxNorm norm, String role) {
    List<String> terms = new ArrayList<>(norm.terms(graph));
    terms.remove(graph.strip(hidden.output()));
    return OnnxLinear.of(graph, terms, graph.describe(norm.output()), role);
  }

  /** Takes the pooler, if there is one; refuses any other weight behind the encoder. */
  private void after(String last) {
    Set<String> behind = new HashSet<>(Set.of(last));
    for (OnnxNode n : graph.model.nodes()) {
      if (n.inputs().stream().noneMatch(behind::contains)) {
        continue;
      }
      behind.addAll(n.outputs());
      if (n.is("Tanh") && !weights.containsKey(EncoderTensors.POOLER + ".weight")) {
        OnnxLinear linear = OnnxLinear.of(graph, n.input(0), "pooler");
        if (!isFirstToken(linear.input(), last)) {
          throw graph.unsupported(n.label() + ": is no pooler, it does not read the first token");
        }
        add(EncoderTensors.POOLER, linear);
      }
    }
    for (OnnxNode n : graph.model.nodes()) {
      if (n.inputs().stream().noneMatch(behind::contains)) {
        continue;
      }
      for (String in : n.inputs()) {
        OnnxNode transpose = graph.node(in, "Transpose");
        OnnxTensor constant = graph.constant(transpose == null ? in : transpose.input(0));
        boolean isWeight =
            constant != null
                && (constant.info().isFloat() || OnnxQuantized.isInt8(constant))
                && constant.info().elements() > 1;
        if (isWeight && !used.contains(constant)) {
          throw graph.unsupported(
              n.label()
                  + ": the graph goes on behind the encoder with weight "
                  + in
                  + " "
                  + constant.info().shape()
                  + "; heads in ONNX files are not read");
        }
      }
    }
  }

  private boolean isFirstToken(String value, String last) {
    OnnxNode n = graph.node(value);
    if (n != null && n.is("Squeeze")) {
      n = graph.node(n.input(0));
    }
    boolean gather = n != null && n.is("Gather") && n.integer("axis", 0) == 1;
    boolean slice = n != null && n.is("Slice") && graph.number(n.input(2)).orElse(0) == 1;
    return (gather || slice)
        && graph.number(n.input(1)).orElse(1) == 0
        && graph.strip(n.input(0)).equals(graph.strip(last));
  }

  private void add(String name, OnnxLinear linear) {
    add(name + ".weight", linear.weight());
    add(name + ".bias", linear.bias());
  }

  private void add(String name, OnnxNorm norm) {
    add(name + ".weight", norm.weight());
    add(name + ".bias", norm.bias());
  }

  private void add(String name, Weight weight) {
    weights.put(name, weight);
    used.add(weight.tensor());
    if (weight.int8() != null) {
      used.addAll(weight.int8().tensors());
    }
  }

  private ModelConfig config(OnnxEmbeddings embeddings, double eps) {
    int hidden = embeddings.words().shape().get(1);
    if (hidden % headSize != 0) {
      throw new ModelFormatException(
          graph.model.label()
              + ": hidden size "
              + hidden
              + " is not a multiple of the head width "
              + headSize);
    }
    int original = hidden / headSize;
    SortedMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    for (int i = 0; i < heads.size(); i++) {
      if (heads.get(i) > original) {
        throw graph.unsupported(
            EncoderTensors.layer(i)
                + " has "
                + heads.get(i)
                + " heads of width "
                + headSize
                + ", hidden size is "
                + hidden);
      }
      // Which heads went is no longer known, and nothing depends on it: call them the last ones.
      SortedSet<Integer> gone = new TreeSet<>();
      for (int h = heads.get(i); h < original; h++) {
        gone.add(h);
      }
      if (!gone.isEmpty()) {
        pruned.put(i, Collections.unmodifiableSortedSet(gone));
      }
    }
    return new ModelConfig(
        List.of("BertModel"),
        embeddings.words().shape().get(0),
        hidden,
        heads.size(),
        original,
        intermediate,
        activation,
        embeddings.positions().shape().get(0),
        embeddings.types().shape().get(0),
        eps,
        Collections.unmodifiableSortedMap(pruned),
        List.of(),
        Map.of(),
        null,
        true);
  }
}
