package dev.espalier.model;

import dev.espalier.format.Checkpoint;
import java.util.Optional;

/**
 * An opened model, before any backend packs it: its configuration, weights under their Hugging Face
 * names, tokenizer files and embedding settings. Whatever the format on disk, the tensors of {@link
 * #weights()} are named and laid out as {@code BertModel.state_dict()} names them: no {@code bert.}
 * prefix, {@code LayerNorm.weight} and {@code .bias} (never gamma, beta), linear weights [out, in],
 * e.g. {@code encoder.layer.0.attention.self.query.weight}. Tensors of task heads keep their names
 * ({@code classifier.weight}, {@code cls.predictions.bias}).
 *
 * @param name what the caller asked for, for messages
 * @param location where it was found, for people
 * @param config from config.json, or inferred where the format has none
 * @param weights the tensors; closed with this object
 * @param tokenizer its tokenizer files, if there are any
 * @param embedding its embedding settings, if the model or the table of short names gives them
 */
public record ModelSource(
    String name,
    String location,
    ModelConfig config,
    Checkpoint weights,
    Optional<TokenizerFiles> tokenizer,
    Optional<EmbeddingSettings> embedding)
    implements AutoCloseable {

  /**
   * What holds the weights, for people: {@code safetensors}, {@code safetensors in 3 shards},
   * {@code ONNX}.
   */
  public String format() {
    return weights.format();
  }

  /** The number of trained numbers: the elements of all tensors, task heads included. */
  public long parameters() {
    return weights.names().stream().mapToLong(n -> weights.info(n).elements()).sum();
  }

  /** The size of all tensors in bytes, as they are stored. */
  public long weightBytes() {
    return weights.names().stream()
        .map(weights::info)
        .mapToLong(t -> t.elements() * t.dtype().bytes())
        .sum();
  }

  /** Whether the model has BERT's pooler, a dense layer with tanh over the first token. */
  public boolean hasPooler() {
    return weights.contains(EncoderTensors.POOLER + ".weight");
  }

  /** Closes the files behind {@link #weights()}; a second call does nothing. */
  @Override
  public void close() {
    weights.close();
  }
}
