package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.RowSource;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * Packs an opened model's weights into a backend: names of a checkpoint on one side, an {@link
 * Encoder} on the other.
 */
public final class EncoderPacker {
  private final ModelConfig config;
  private final Checkpoint weights;
  private final Backend backend;

  /** Of what may be in int8; empty for as it is stored. */
  private final Optional<DType> dtype;

  /** What was packed so far, to be closed if the rest fails. */
  private final Deque<AutoCloseable> packed = new ArrayDeque<>();

  private EncoderPacker(ModelSource source, Backend backend, Optional<DType> dtype) {
    this.config = source.config();
    this.weights = source.weights();
    this.backend = backend;
    this.dtype = dtype;
  }

  /**
   * Packs the encoder and, if the model has one, its pooler, each matrix as it is stored: in fp32,
   * or in int8 with its own codes. The source stays open and may be closed afterwards.
   *
   * @throws dev.espalier.ModelFormatException if a tensor is missing, misshapen, not finite or
   *     cannot be read
   */
  public static Encoder pack(ModelSource source, Backend backend) {
    return pack(new EncoderPacker(source, backend, Optional.empty()));
  }

  /**
   * As {@link #pack(ModelSource, Backend)}, in one type.
   *
   * @param dtype {@link DType#F32}: what is stored in int8 is widened; or {@link DType#I8}: the
   *     linear layers of the encoder and the word table are quantized ({@link Int8}) unless they
   *     are stored so; norms, position and type tables stay fp32, and so does the pooler unless it
   *     is stored in int8
   */
  public static Encoder pack(ModelSource source, Backend backend, DType dtype) {
    return pack(new EncoderPacker(source, backend, Optional.of(dtype)));
  }

  private static Encoder pack(EncoderPacker packer) {
    try {
      return packer.encoder();
    } catch (RuntimeException | Error e) {
      packer.undo(e);
      throw e;
    }
  }

  private void undo(Throwable reason) {
    while (!packed.isEmpty()) {
      try {
        packed.pop().close();
      } catch (Exception e) {
        reason.addSuppressed(e);
      }
    }
  }

  private <T extends AutoCloseable> T keep(T made) {
    packed.push(made);
    return made;
  }

  private Encoder encoder() {
    int h = config.hiddenSize();
    Embeddings embeddings = keep(embeddings(h));
    LayerNorm norm = norm("embeddings.LayerNorm");
    List<Layer> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(layer(l));
    }
    Optional<Linear> pooler =
        weights.contains(EncoderTensors.POOLER + ".weight")
            ? Optional.of(linear(List.of(EncoderTensors.POOLER), h, h, false))
            : Optional.empty();
    return new Encoder(config, backend, embeddings, norm, layers, pooler, Optional.empty());
  }

  private Embeddings embeddings(int h) {
    StoredMatrix word = matrix(EncoderTensors.WORD_EMBEDDINGS);
    RowSource type = matrix(EncoderTensors.TYPE_EMBEDDINGS).values();
    RowSource position = matrix(EncoderTensors.POSITION_EMBEDDINGS).values();
    int vocab = config.vocabSize();
    int types = config.typeVocabSize();
    int positions = config.maxPositions();
    return isInt8(word, true)
        ? backend.int8Embeddings(vocab, word.codes(), types, type, positions, position, h)
        : backend.embeddings(vocab, word.values(), types, type, positions, position, h);
  }

  /**
   * Whether a matrix is packed in int8.
   *
   * @param quantizable whether it may be quantized here
   */
  private boolean isInt8(StoredMatrix matrix, boolean quantizable) {
    return dtype
        .map(d -> d == DType.I8 && (quantizable || matrix.isInt8()))
        .orElseGet(matrix::isInt8);
  }

  private StoredMatrix matrix(String name) {
    return new StoredMatrix(weights, List.of(name));
  }

  private Layer layer(int l) {
    LayerShape shape = config.shape(l);
    HeadLayout heads = shape.heads();
    int h = config.hiddenSize();
    int inner = shape.intermediateSize();
    String prefix = "encoder.layer." + l + ".";
    String self = prefix + "attention.self.";
    return new Layer(
        linear(List.of(self + "query", self + "key", self + "value"), heads.qkvColumns(), h, true),
        keep(backend.heads(heads)),
        linear(List.of(prefix + "attention.output.dense"), h, heads.vColumns(), true),
        norm(prefix + "attention.output.LayerNorm"),
        new FeedForward(
            linear(List.of(prefix + "intermediate.dense"), inner, h, true),
            config.activation(),
            linear(List.of(prefix + "output.dense"), h, inner, true)),
        norm(prefix + "output.LayerNorm"));
  }

  /**
   * One linear layer, or several of the same input as one: their outputs side by side. A part
   * without elements has no tensor.
   */
  private Linear linear(List<String> names, int outputs, int inputs, boolean quantizable) {
    float[] bias = new float[outputs];
    int at = 0;
    for (String name : names) {
      if (weights.contains(name + ".bias")) {
        int n = weights.info(name + ".bias").shape().get(0);
        weights.read(name + ".bias", 0, bias, at, n);
        at += n;
      }
    }
    if (outputs == 0 || inputs == 0) {
      return keep(backend.linear(outputs, inputs, (first, count, target) -> {}, bias));
    }
    StoredMatrix matrix =
        new StoredMatrix(weights, names.stream().map(n -> n + ".weight").toList());
    return keep(
        isInt8(matrix, quantizable)
            ? backend.int8Linear(outputs, inputs, matrix.codes(), bias)
            : backend.linear(outputs, inputs, matrix.values(), bias));
  }

  private LayerNorm norm(String name) {
    float[] gamma = new float[config.hiddenSize()];
    float[] beta = new float[config.hiddenSize()];
    weights.read(name + ".weight", 0, gamma, 0, gamma.length);
    weights.read(name + ".bias", 0, beta, 0, beta.length);
    return keep(backend.layerNorm(gamma, beta, (float) config.layerNormEps()));
  }
}
