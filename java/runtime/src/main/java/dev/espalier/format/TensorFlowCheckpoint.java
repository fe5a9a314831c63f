package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Variables of a {@link TensorBundle} under names that were found for them. A matrix may be
 * presented transposed: TensorFlow multiplies by [in, out] where checkpoints hold [out, in]. The
 * transposed matrix read last is kept, so that reading it row by row reads the file once. Owns the
 * bundle. Not thread-safe.
 */
public final class TensorFlowCheckpoint implements Checkpoint {
  /**
   * Where a weight is.
   *
   * @param variable its name in the bundle
   * @param transposed whether its two dimensions change places
   */
  public record Weight(String variable, boolean transposed) {}

  private final TensorBundle bundle;
  private final Map<String, Weight> weights;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
  private String kept;
  private float[] keptValues;

  /**
   * @throws ModelFormatException if a weight that is to be transposed is not a matrix of floating
   *     point
   */
  public TensorFlowCheckpoint(TensorBundle bundle, Map<String, Weight> weights) {
    this.bundle = bundle;
    this.weights = new LinkedHashMap<>(weights);
    this.weights.forEach((name, weight) -> infos.put(name, presented(name, weight)));
  }

  private TensorInfo presented(String name, Weight weight) {
    TensorInfo stored = bundle.info(weight.variable());
    List<Integer> shape = stored.shape();
    if (weight.transposed()) {
      if (shape.size() != 2 || !stored.isFloat()) {
        throw new ModelFormatException(
            stored.source()
                + ": variable "
                + weight.variable()
                + " is "
                + stored.dtype()
                + " of shape "
                + shape
                + ", expected a matrix of floating point");
      }
      shape = List.of(shape.get(1), shape.get(0));
    }
    return new TensorInfo(name, stored.dtype(), shape, stored.source());
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(infos.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      throw new ModelFormatException(bundle.label() + ": has no variable for tensor " + name);
    }
    return info;
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    TensorInfo info = info(name);
    Weight weight = weights.get(name);
    if (!weight.transposed()) {
      bundle.read(weight.variable(), first, target, offset, count);
      return;
    }
    info.checkRange(bundle.label(), first, count);
    System.arraycopy(transposed(name, weight), (int) first, target, offset, count);
  }

  private float[] transposed(String name, Weight weight) {
    if (!name.equals(kept)) {
      kept = null;
      keptValues = null; // before the next one is made: one matrix at a time
      List<Integer> stored = bundle.info(weight.variable()).shape();
      keptValues =
          Transposed.floats(
              stored.get(0),
              stored.get(1),
              (first, values, count) -> bundle.read(weight.variable(), first, values, 0, count));
      kept = name;
    }
    return keptValues;
  }

  @Override
  public String format() {
    return bundle.format();
  }

  @Override
  public void close() {
    kept = null;
    keptValues = null;
    bundle.close();
  }
}
