package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.ZeroBlocks;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.LowRank;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * Packs single layers of a checkpoint into a backend, and undoes it all if a later one fails. Not
 * thread-safe.
 */
final class WeightPacker {
  private final Checkpoint weights;
  private final Backend backend;
  private final double layerNormEps;

  /** Of what may be in another type than it is stored in; empty for as it is stored. */
  private final Optional<DType> dtype;

  /** What was packed so far, to be closed if the rest fails. */
  private final Deque<AutoCloseable> packed = new ArrayDeque<>();

  WeightPacker(ModelSource source, Backend backend, Optional<DType> dtype) {
    this.weights = source.weights();
    this.backend = backend;
    this.layerNormEps = source.config().layerNormEps();
    this.dtype = dtype;
  }

  /** Closes what was packed, because of {@code reason}. */
  void undo(Throwable reason) {
    while (!packed.isEmpty()) {
      try {
        packed.pop().close();
      } catch (Exception e) {
        reason.addSuppressed(e);
      }
    }
  }

  <T extends AutoCloseable> T keep(T made) {
    packed.push(made);
    return made;
  }

  StoredMatrix matrix(String name) {
    return new StoredMatrix(weights, List.of(name));
  }

  /**
   * Whether a matrix is packed in int8.
   *
   * @param quantizable whether it may be quantized here
   */
  boolean isInt8(StoredMatrix matrix, boolean quantizable) {
    return dtype
        .map(d -> d == DType.I8 && (quantizable || matrix.isInt8()))
        .orElseGet(matrix::isInt8);
  }

  /**
   * A linear layer of the encoder, whose tensors are absent where it has no outputs or no inputs.
   */
  Linear linear(List<String> names, int outputs, int inputs) {
    if (outputs > 0 && inputs > 0) {
      return linear(names, true);
    }
    float[] bias = outputs > 0 ? vector(names.get(0) + ".bias") : new float[0];
    return keep(backend.linear(outputs, inputs, (first, count, target) -> {}, bias));
  }

  /** One linear layer, or several of the same input as one: their outputs side by side. */
  Linear linear(List<String> names, boolean quantizable) {
    StoredMatrix matrix =
        new StoredMatrix(weights, names.stream().map(n -> n + ".weight").toList());
    float[] bias = new float[matrix.rows()];
    int at = 0;
    for (String name : names) {
      int n = weights.info(name + ".bias").shape().get(0);
      weights.read(name + ".bias", 0, bias, at, n);
      at += n;
    }
    return linear(matrix, bias, quantizable);
  }

  Linear linear(StoredMatrix matrix, float[] bias, boolean quantizable) {
    int k = matrix.columns();
    if (isInt8(matrix, quantizable)) {
      return keep(int8Linear(matrix, bias));
    }
    RowSource values = values(matrix, quantizable);
    return keep(
        ZeroBlocks.of(values, bias.length, k)
            .map(blocks -> backend.blockLinear(blocks, values, bias))
            .orElseGet(() -> backend.linear(bias.length, k, values, bias)));
  }

  private Linear int8Linear(StoredMatrix matrix, float[] bias) {
    CodeSource codes = matrix.codes();
    int k = matrix.columns();
    if (codes.zeroPoints() != null) {
      return backend.int8Linear(bias.length, k, codes, bias);
    }
    return ZeroBlocks.of(codes, bias.length, k)
        .map(blocks -> backend.blockInt8Linear(blocks, codes, bias))
        .orElseGet(() -> backend.int8Linear(bias.length, k, codes, bias));
  }

  /**
   * A linear layer that is stored in two factors; or several of the same input as one, whose first
   * factors stand one below the other, and whose second factors are blocks on the diagonal.
   */
  Linear lowRank(List<String> names) {
    Linear down = factor(names.stream().map(n -> EncoderTensors.down(n) + ".weight").toList());
    if (names.size() == 1) {
      StoredMatrix up = matrix(EncoderTensors.up(names.get(0)) + ".weight");
      return new LowRank(down, linear(up, vector(names.get(0) + ".bias"), true));
    }
    return new LowRank(down, diagonal(names));
  }

  private Linear factor(List<String> names) {
    StoredMatrix matrix = new StoredMatrix(weights, names);
    return linear(matrix, new float[matrix.rows()], true);
  }

  private Linear diagonal(List<String> names) {
    List<StoredMatrix> parts =
        names.stream().map(n -> matrix(EncoderTensors.up(n) + ".weight")).toList();
    int rows = parts.stream().mapToInt(StoredMatrix::rows).sum();
    int columns = parts.stream().mapToInt(StoredMatrix::columns).sum();
    float[] values = new float[Math.multiplyExact(rows, columns)];
    List<DType> dtypes = parts.stream().map(p -> values(p, true).dtype()).distinct().toList();
    float[] bias = new float[rows];
    int row = 0;
    int column = 0;
    for (int p = 0; p < parts.size(); p++) {
      StoredMatrix part = parts.get(p);
      float[] own = new float[part.rows() * part.columns()];
      values(part, true).read(0, part.rows(), own);
      for (int r = 0; r < part.rows(); r++) {
        System.arraycopy(
            own, r * part.columns(), values, (row + r) * columns + column, part.columns());
      }
      float[] b = vector(names.get(p) + ".bias");
      System.arraycopy(b, 0, bias, row, b.length);
      row += part.rows();
      column += part.columns();
    }
    RowSource source =
        RowSource.withDtype(
            RowSource.of(values, columns), dtypes.size() == 1 ? dtypes.get(0) : DType.F32);
    return keep(
        ZeroBlocks.of(source, rows, columns)
            .map(blocks -> backend.blockLinear(blocks, source, bias))
            .orElseGet(() -> backend.linear(rows, columns, source, bias)));
  }

  /**
   * A matrix's rows: as it is stored, or in the type that was asked for.
   *
   * @param roundable whether they may be rounded to 16 bits here
   */
  RowSource values(StoredMatrix matrix, boolean roundable) {
    if (dtype.isEmpty() || (Halves.isHalf(dtype.get()) && !roundable)) {
      return matrix.values();
    }
    return matrix.values(dtype.get());
  }

  LayerNorm norm(String name) {
    return keep(
        backend.layerNorm(vector(name + ".weight"), vector(name + ".bias"), (float) layerNormEps));
  }

  /** A tensor of one dimension. */
  float[] vector(String name) {
    float[] values = new float[weights.info(name).shape().get(0)];
    weights.read(name, 0, values, 0, values.length);
    return values;
  }
}
