package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Task;
import dev.espalier.model.TaskTensors;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Linear;
import java.util.List;
import java.util.Optional;

/** Packs the head of an opened model's task into a backend. */
public final class TaskHeadPacker {
  private TaskHeadPacker() {}

  /**
   * Packs the head that {@code architectures} names; empty if it names none. Heads stay fp32 unless
   * they are stored in int8; a decoder that is the word table follows the table.
   *
   * @param dtype as for {@link EncoderPacker#pack(ModelSource, Backend, DType)}; empty for as
   *     stored
   * @throws dev.espalier.ModelFormatException if the head's tensors are missing or misshapen
   */
  public static Optional<TaskHead> pack(
      ModelSource source, Backend backend, Optional<DType> dtype) {
    if (source.config().task() == Task.NONE) {
      return Optional.empty();
    }
    TaskTensors.check(source.location(), source.config(), source.weights());
    WeightPacker packer = new WeightPacker(source, backend, dtype);
    try {
      return Optional.of(head(source.config(), source.weights(), packer));
    } catch (RuntimeException | Error e) {
      packer.undo(e);
      throw e;
    }
  }

  private static TaskHead head(ModelConfig config, Checkpoint weights, WeightPacker packer) {
    Optional<Linear> output =
        Optional.ofNullable(TaskTensors.output(config.task()))
            .map(name -> packer.linear(List.of(name), false));
    Optional<MaskedLmHead> maskedLm =
        config.task().predictsTokens()
            ? Optional.of(maskedLm(config, weights, packer))
            : Optional.empty();
    return new TaskHead(config.task(), output, maskedLm);
  }

  private static MaskedLmHead maskedLm(
      ModelConfig config, Checkpoint weights, WeightPacker packer) {
    return new MaskedLmHead(
        packer.linear(List.of(TaskTensors.TRANSFORM), false),
        config.activation(),
        packer.norm(TaskTensors.TRANSFORM_NORM),
        packer.linear(
            packer.matrix(TaskTensors.decoder(config)),
            packer.vector(TaskTensors.decoderBias(weights)),
            config.tieWordEmbeddings()));
  }
}
