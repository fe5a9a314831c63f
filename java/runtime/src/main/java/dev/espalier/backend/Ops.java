package dev.espalier.backend;

import dev.espalier.InvalidInputException;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.LowRank;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The ops of the forward pass on one backend and workspace: checks every shape, takes room for the
 * result, and hands over to the backend, which trusts. One thread at a time.
 */
public final class Ops {
  private final Backend backend;
  private final Workspace workspace;
  private int layer = -1;
  private String part = "";

  /** Of the products so far, in order. */
  private final List<Place> places = new ArrayList<>();

  public Ops(Backend backend, Workspace workspace) {
    this.backend = backend;
    this.workspace = workspace;
  }

  public Backend backend() {
    return backend;
  }

  /** Begins a forward pass: every tensor handed out before is void. */
  public void reset() {
    layer = -1;
    places.clear();
    workspace.reset();
  }

  /**
   * Says which part of which layer the next product is, for the message if it goes wrong; returns
   * this.
   */
  public Ops at(int layerIndex, String partName) {
    layer = layerIndex;
    part = partName;
    return this;
  }

  /**
   * {@code layernorm(word[id] + type[type] + position[position])}: [T, H].
   *
   * @throws InvalidInputException if an id, a token type or a sequence's length is outside its
   *     table
   */
  public Tensor embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm) {
    same(
        "embed_layernorm", "the tables have", tables.columns(), "the norm expects", norm.columns());
    checkTokens(batch, tables);
    Tensor y = workspace.allocate(batch.tokens(), tables.columns());
    backend.embedLayerNorm(batch, tables, norm, y);
    return y;
  }

  /**
   * {@code x W^T + b}: [rows, outputs].
   *
   * @throws InvalidInputException if the weight is int8 and a value of x is not finite
   */
  public Tensor linear(Tensor x, Linear w) {
    same("linear", "x has", x.columns(), "weight expects", w.inputs());
    if (w instanceof LowRank factors) {
      int place = layer;
      Tensor t = linear(x, factors.down());
      return at(place, part).linear(t, factors.up());
    }
    Tensor y = workspace.allocate(x.rows(), w.outputs());
    located("linear", () -> backend.linear(x, w, y));
    return y;
  }

  /**
   * {@code x W^T + b} for queries, keys and values: [T, qkv columns]. What belongs to heads that no
   * sequence of the batch uses is not defined.
   *
   * @param layerIndex whose factors of the batch's head masks are meant
   * @throws InvalidInputException if the weight is int8 and a value of x is not finite, or a head
   *     mask does not fit the layout
   */
  public Tensor queryKeyValue(Tensor x, Linear w, PackedBatch batch, Heads heads, int layerIndex) {
    same("linear", "x has", x.columns(), "weight expects", w.inputs());
    same("linear", "the weight gives", w.outputs(), "the heads have", heads.layout().qkvColumns());
    sameRows("linear", "x", x, batch);
    checkMasks(batch, heads.layout(), layerIndex);
    if (w instanceof LowRank factors) {
      int place = layer;
      Tensor t = linear(x, factors.down());
      return at(place, part).queryKeyValue(t, factors.up(), batch, heads, layerIndex);
    }
    Tensor y = workspace.allocate(x.rows(), w.outputs());
    located("linear", () -> backend.queryKeyValue(x, w, batch, heads, layerIndex, y));
    return y;
  }

  /** {@code activation(x)}, in place. */
  public Tensor activation(Activation activation, Tensor x) {
    backend.activation(activation, x, x);
    return x;
  }

  /**
   * {@code factor p v} for each sequence and head, p being {@code softmax(q k^T scale)} or what the
   * head's kind says: [T, sum of value widths].
   *
   * @param layerIndex whose factors of the batch's head masks are meant
   * @throws InvalidInputException if a head mask has no such layer, or fewer heads than the layout
   *     names; if a sequence is longer than constant heads know
   */
  public Tensor attention(Tensor qkv, PackedBatch batch, Heads heads, int layerIndex) {
    HeadLayout layout = heads.layout();
    checkMasks(batch, layout, layerIndex);
    same("attention", "qkv has", qkv.columns(), "the heads expect", layout.qkvColumns());
    sameRows("attention", "qkv", qkv, batch);
    checkLengths(batch, layout);
    Tensor context = workspace.allocate(qkv.rows(), layout.vColumns());
    backend.attention(qkv, batch, heads, layerIndex, context);
    return context;
  }

  /** {@code layernorm(x + r)}, or {@code layernorm(x)} if r is null: [rows, H]. */
  public Tensor addLayerNorm(Tensor x, Tensor r, LayerNorm norm) {
    same("add_layernorm", "x has", x.columns(), "the norm expects", norm.columns());
    if (r != null) {
      same("add_layernorm", "x has", x.columns(), "the residual has", r.columns());
      if (x.rows() != r.rows()) {
        throw new InvalidInputException(
            "add_layernorm: x has " + x.rows() + " rows, the residual has " + r.rows());
      }
    }
    Tensor y = workspace.allocate(x.rows(), x.columns());
    backend.addLayerNorm(x, r, norm, y);
    return y;
  }

  /**
   * {@code output(activation(intermediate(x)))}: [rows, outputs]; [rows, I] is never whole where
   * the backend fuses.
   *
   * @throws InvalidInputException if a weight is int8 and a value that it is to multiply is not
   *     finite
   */
  public Tensor feedForward(Tensor x, FeedForward w) {
    same(
        "feed_forward",
        "x has",
        x.columns(),
        "the intermediate weight expects",
        w.intermediate().inputs());
    same(
        "feed_forward",
        "the intermediate weight gives",
        w.intermediate().outputs(),
        "the output weight expects",
        w.output().inputs());
    if (w.intermediate() instanceof LowRank || w.output() instanceof LowRank) {
      int place = layer;
      Tensor f = activation(w.activation(), linear(x, w.intermediate()));
      return at(place, part).linear(f, w.output());
    }
    Tensor y = workspace.allocate(x.rows(), w.output().outputs());
    located("feed_forward", () -> backend.feedForward(x, w, y, workspace));
    return y;
  }

  /** One row a sequence: [B, H], each divided by its L2 norm if {@code normalize}. */
  public Tensor pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize) {
    sameRows("pool", "x", x, batch);
    Tensor y = workspace.allocate(batch.sequences(), x.columns());
    backend.pool(x, batch, pooling, normalize, y);
    return y;
  }

  /**
   * The rows of x with these indices, which ascend: [indices, H].
   *
   * @throws InvalidInputException if an index is outside x, or not above the one before
   */
  public Tensor gatherRows(Tensor x, int[] indices) {
    for (int i = 0; i < indices.length; i++) {
      int least = i == 0 ? 0 : indices[i - 1] + 1;
      if (indices[i] < least || indices[i] >= x.rows()) {
        throw new InvalidInputException(
            "gather_rows: index "
                + i
                + " is "
                + indices[i]
                + ", expected "
                + least
                + " to "
                + (x.rows() - 1));
      }
    }
    Tensor y = workspace.allocate(indices.length, x.columns());
    backend.gatherRows(x, indices, y);
    return y;
  }

  /** The attention probabilities of sequence {@code b}: [heads, length, length], for diagnosis. */
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    same(
        "attention_probabilities",
        "qkv has",
        qkv.columns(),
        "the heads expect",
        heads.layout().qkvColumns());
    sameRows("attention_probabilities", "qkv", qkv, batch);
    checkLengths(batch, heads.layout());
    return backend.attentionProbabilities(qkv, batch, b, heads);
  }

  /** The values of x, row by row. */
  public float[] toArray(Tensor x) {
    float[] values = new float[Math.multiplyExact(x.rows(), x.columns())];
    try {
      backend.download(x, values, 0);
    } catch (LateInputException e) {
      throw places.get(e.tag()).refused(e);
    }
    return values;
  }

  /** A tensor [rows, columns] with these values. */
  public Tensor fromArray(float[] values, int rows, int columns) {
    if (values.length != (long) rows * columns) {
      throw new InvalidInputException(
          "tensor: ["
              + rows
              + ", "
              + columns
              + "] needs "
              + (long) rows * columns
              + " values, got "
              + values.length);
    }
    Tensor x = workspace.allocate(rows, columns);
    backend.upload(values, 0, x);
    return x;
  }

  /**
   * Runs an op of int8's, whose input only the op itself looks at; says where if that was refused.
   */
  private void located(String op, Runnable body) {
    Place place = new Place(op, layer, part);
    workspace.tag(places.size());
    places.add(place);
    try {
      body.run();
    } catch (InvalidInputException e) {
      throw place.refused(e);
    } finally {
      layer = -1;
    }
  }

  /** Where in the pass an op is. */
  private record Place(String op, int layer, String part) {
    InvalidInputException refused(InvalidInputException e) {
      String where = layer < 0 ? op : "layer " + layer + ", " + part;
      return new InvalidInputException(where + ": " + e.getMessage(), e);
    }
  }

  private static void checkTokens(PackedBatch batch, Embeddings tables) {
    for (int b = 0; b < batch.sequences(); b++) {
      if (batch.length(b) > tables.maxPositions()) {
        throw new InvalidInputException(
            "sequence "
                + b
                + " has "
                + batch.length(b)
                + " tokens, the model has positions for "
                + tables.maxPositions()
                + "; truncate it");
      }
      for (int t = batch.offset(b); t < batch.offset(b + 1); t++) {
        if (batch.id(t) < 0 || batch.id(t) >= tables.vocabSize()) {
          throw new InvalidInputException(
              "sequence "
                  + b
                  + ", position "
                  + batch.position(t)
                  + ": token id "
                  + batch.id(t)
                  + " is outside the vocabulary of "
                  + tables.vocabSize());
        }
        if (batch.type(t) < 0 || batch.type(t) >= tables.typeVocabSize()) {
          throw new InvalidInputException(
              "sequence "
                  + b
                  + ", position "
                  + batch.position(t)
                  + ": token type "
                  + batch.type(t)
                  + " is outside the model's "
                  + tables.typeVocabSize()
                  + " token types");
        }
      }
    }
  }

  private static void checkMasks(PackedBatch batch, HeadLayout layout, int layerIndex) {
    for (int b = 0; batch.isMasked() && b < batch.sequences(); b++) {
      HeadMask mask = batch.headMask(b);
      if (mask != null && (layerIndex >= mask.layers() || layout.indexBound() > mask.heads())) {
        throw new InvalidInputException(
            "attention: sequence "
                + b
                + " has a head mask ["
                + mask.layers()
                + ", "
                + mask.heads()
                + "], layer "
                + layerIndex
                + " has heads up to "
                + (layout.indexBound() - 1));
      }
    }
  }

  private static void checkLengths(PackedBatch batch, HeadLayout layout) {
    for (int b = 0; batch.longest() > layout.longest() && b < batch.sequences(); b++) {
      if (batch.length(b) > layout.longest()) {
        throw new InvalidInputException(
            "attention: sequence "
                + b
                + " has "
                + batch.length(b)
                + " tokens, the layer's constant heads know lengths up to "
                + layout.longest()
                + "; truncate it");
      }
    }
  }

  private static void same(String op, String left, int a, String right, int b) {
    if (a != b) {
      throw new InvalidInputException(op + ": " + left + " " + a + " columns, " + right + " " + b);
    }
  }

  private static void sameRows(String op, String name, Tensor x, PackedBatch batch) {
    if (x.rows() != batch.tokens()) {
      throw new InvalidInputException(
          op
              + ": "
              + name
              + " has "
              + x.rows()
              + " rows, the batch has "
              + batch.tokens()
              + " tokens");
    }
  }
}
