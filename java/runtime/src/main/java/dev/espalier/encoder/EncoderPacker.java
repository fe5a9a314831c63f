package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.RowSource;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import java.util.ArrayList;
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
  private final WeightPacker packer;

  private EncoderPacker(ModelSource source, Backend backend, Optional<DType> dtype) {
    this.config = source.config();
    this.weights = source.weights();
    this.backend = backend;
    this.packer = new WeightPacker(source, backend, dtype);
  }

  /**
   * Packs the encoder and, if the model has one, its pooler, each matrix as it is stored: in fp32,
   * in fp16 or bf16, or in int8 with its own codes. The source stays open and may be closed
   * afterwards.
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
   * @param dtype {@link DType#F32}: what is stored in fewer bits is widened; {@link DType#F16} or
   *     {@link DType#BF16}: the linear layers of the encoder and the word table are rounded to it;
   *     or {@link DType#I8}: they are quantized ({@link Int8}) unless they are stored so. Norms,
   *     position and type tables stay fp32, and so does the pooler unless it is stored in fewer
   *     bits
   */
  public static Encoder pack(ModelSource source, Backend backend, DType dtype) {
    return pack(new EncoderPacker(source, backend, Optional.of(dtype)));
  }

  private static Encoder pack(EncoderPacker whole) {
    try {
      return whole.encoder();
    } catch (RuntimeException | Error e) {
      whole.packer.undo(e);
      throw e;
    }
  }

  private Encoder encoder() {
    int h = config.hiddenSize();
    Embeddings embeddings = packer.keep(embeddings(h));
    LayerNorm norm = packer.norm("embeddings.LayerNorm");
    List<Layer> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(layer(l));
    }
    Optional<Linear> pooler =
        weights.contains(EncoderTensors.POOLER + ".weight")
            ? Optional.of(packer.linear(List.of(EncoderTensors.POOLER), false))
            : Optional.empty();
    return new Encoder(config, backend, embeddings, norm, layers, pooler, Optional.empty());
  }

  private Embeddings embeddings(int h) {
    StoredMatrix word = packer.matrix(EncoderTensors.WORD_EMBEDDINGS);
    RowSource type = packer.matrix(EncoderTensors.TYPE_EMBEDDINGS).values();
    RowSource position = packer.matrix(EncoderTensors.POSITION_EMBEDDINGS).values();
    int vocab = config.vocabSize();
    int types = config.typeVocabSize();
    int positions = config.maxPositions();
    return packer.isInt8(word, true)
        ? backend.int8Embeddings(vocab, word.codes(), types, type, positions, position, h)
        : backend.embeddings(vocab, packer.values(word, true), types, type, positions, position, h);
  }

  private Layer layer(int l) {
    LayerShape shape = config.shape(l);
    HeadLayout heads = shape.heads();
    int h = config.hiddenSize();
    String prefix = "encoder.layer." + l + ".";
    String self = prefix + "attention.self.";
    List<String> qkv = List.of(self + "query", self + "key", self + "value");
    // Heads without queries leave no rows of them.
    List<String> present =
        heads.qkColumns() > 0 || heads.vColumns() == 0 ? qkv : List.of(self + "value");
    boolean factors = shape.ranks().containsKey(LayerShape.VALUE) && heads.vColumns() > 0;
    Linear queryKeyValue =
        factors ? packer.lowRank(present) : packer.linear(present, heads.qkvColumns(), h);
    return new Layer(
        queryKeyValue,
        packer.keep(backend.heads(heads, constants(l, heads), queryKeyValue.dtype())),
        linear(prefix, LayerShape.ATTENTION_OUTPUT, shape),
        packer.norm(prefix + "attention.output.LayerNorm"),
        new FeedForward(
            linear(prefix, LayerShape.INTERMEDIATE, shape),
            config.activation(),
            linear(prefix, LayerShape.OUTPUT, shape)),
        packer.norm(prefix + "output.LayerNorm"));
  }

  private Linear linear(String prefix, String linear, LayerShape shape) {
    int out = shape.outputs(linear, config.hiddenSize());
    int in = shape.inputs(linear, config.hiddenSize());
    List<String> names = List.of(prefix + linear);
    return shape.ranks().containsKey(linear) && out > 0 && in > 0
        ? packer.lowRank(names)
        : packer.linear(names, out, in);
  }

  private ConstantAttention constants(int l, HeadLayout heads) {
    List<float[]> matrices = new ArrayList<>();
    for (int length : heads.constantLengths()) {
      float[] p = new float[heads.constantHeads() * length * length];
      weights.read(EncoderTensors.constantAttention(l, length), 0, p, 0, p.length);
      matrices.add(p);
    }
    return new ConstantAttention(heads.constantLengths(), matrices);
  }
}
