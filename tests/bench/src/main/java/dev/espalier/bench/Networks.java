package dev.espalier.bench;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.ModelNotFoundException;
import dev.espalier.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * One network as everybody reads it.
 *
 * @param ours what Espalier loads
 * @param dtype what Espalier computes in
 * @param full the same network in fp32: what vectors of low precision are held against
 * @param files of {@code full}: the tokenizer of all, and what peers read that quantize themselves
 * @param ort what ONNX Runtime loads, and the tokenizer again
 */
record Networks(String ours, DType dtype, String full, PeerFiles files, PeerFiles ort)
    implements AutoCloseable {
  /** Ends the short names of models that ONNX Runtime's tools quantized. */
  private static final String QUANTIZED = "-q";

  private static final Map<String, DType> TYPES =
      Map.of("fp32", DType.F32, "bf16", DType.BF16, "int8", DType.I8);

  /**
   * Finds all of them. In int8, ONNX Runtime gets its own int8 model: of a short name the one with
   * {@code -q} behind it, or what its {@code quantize_dynamic} makes of a network that has no ONNX
   * file of its own. In bf16, which its processor kernels do not have, it stays in fp32.
   *
   * @param dtype fp32, bf16 or int8
   * @param ortModel what ONNX Runtime loads instead, if anything
   * @throws InvalidInputException if the dtype is not known, or int8 is wanted and no int8 model
   *     for ONNX Runtime is known
   * @throws EspalierException as {@link PeerFiles#of}
   */
  static Networks of(String model, String dtype, Optional<Path> ortModel) {
    DType type = TYPES.get(dtype);
    if (type == null) {
      throw new InvalidInputException("--dtype " + dtype + ": known are fp32, bf16 and int8");
    }
    boolean int8 = type == DType.I8;
    boolean shortName = !Files.exists(Path.of(model));
    String full = shortName && int8 ? withoutSuffix(model) : model;
    PeerFiles files = PeerFiles.of(full);
    try {
      PeerFiles ort;
      if (ortModel.isPresent()) {
        ort = PeerFiles.network(ortModel.get(), files.tokenizerJson());
      } else {
        ort = int8 ? quantized(model, full, shortName) : files;
      }
      return new Networks(model, type, full, files, ort);
    } catch (RuntimeException e) {
      files.close();
      throw e;
    }
  }

  private static String withoutSuffix(String name) {
    return name.endsWith(QUANTIZED) ? name.substring(0, name.length() - QUANTIZED.length()) : name;
  }

  private static PeerFiles quantized(String model, String full, boolean shortName) {
    if (!PeerFiles.hasOnnx(full)) {
      return Exported.of(full, true);
    }
    if (shortName) {
      try {
        return PeerFiles.of(full + QUANTIZED);
      } catch (ModelNotFoundException e) {
        // The message below says what to do.
      }
    }
    throw new InvalidInputException(
        "--dtype int8: no int8 model for ONNX Runtime is known for "
            + model
            + "; give one as --ort-model FILE (an .onnx file or a jar with one)");
  }

  @Override
  public void close() {
    ort.close();
    files.close();
  }
}
