package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Constants of an ONNX graph under names that were found for them. A matrix may be presented
 * transposed: ONNX multiplies by [in, out] where checkpoints hold [out, in]. The transposed matrix
 * read last is kept, so that reading it row by row reads the file once. Owns the model's files. Not
 * thread-safe.
 */
public final class OnnxCheckpoint implements Checkpoint {
  /**
   * Where a weight is.
   *
   * @param tensor as the graph has it
   * @param transposed whether its two dimensions change places
   */
  public record Weight(OnnxTensor tensor, boolean transposed) {
    /** Its shape as presented. */
    public List<Integer> shape() {
      List<Integer> shape = tensor.info().shape();
      return transposed ? List.of(shape.get(1), shape.get(0)) : shape;
    }
  }

  private final OnnxModel model;
  private final Map<String, Weight> weights;
  private Weight kept;
  private float[] keptValues;

  public OnnxCheckpoint(OnnxModel model, Map<String, Weight> weights) {
    this.model = model;
    this.weights = new LinkedHashMap<>(weights);
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(weights.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    Weight weight = weight(name);
    TensorInfo stored = weight.tensor().info();
    return new TensorInfo(name, stored.dtype(), weight.shape(), stored.source());
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    Weight weight = weight(name);
    if (!weight.transposed()) {
      weight.tensor().read(first, target, offset, count);
      return;
    }
    if (weight != kept) {
      kept = null;
      keptValues = transposed(weight.tensor());
      kept = weight;
    }
    if (first < 0 || first > keptValues.length - count) {
      throw new ModelFormatException(
          model.label()
              + ": tensor "
              + name
              + " has "
              + keptValues.length
              + " elements, asked for "
              + count
              + " from element "
              + first);
    }
    System.arraycopy(keptValues, (int) first, target, offset, count);
  }

  private static float[] transposed(OnnxTensor tensor) {
    int rows = tensor.info().shape().get(0);
    int columns = tensor.info().shape().get(1);
    int band = 32;
    float[] result = new float[Math.multiplyExact(rows, columns)];
    float[] buffer = new float[Math.multiplyExact(band, columns)];
    for (int r = 0; r < rows; r += band) {
      int n = Math.min(band, rows - r);
      tensor.read((long) r * columns, buffer, 0, n * columns);
      for (int c = 0; c < columns; c++) {
        for (int i = 0; i < n; i++) {
          result[c * rows + r + i] = buffer[i * columns + c];
        }
      }
    }
    return result;
  }

  @Override
  public String format() {
    return "ONNX";
  }

  private Weight weight(String name) {
    Weight weight = weights.get(name);
    if (weight == null) {
      throw new ModelFormatException(model.label() + ": has no tensor " + name);
    }
    return weight;
  }

  @Override
  public void close() {
    kept = null;
    keptValues = null;
    model.close();
  }
}
