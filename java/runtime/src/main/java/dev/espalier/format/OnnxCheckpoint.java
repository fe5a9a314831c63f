package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.tensor.DType;
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
 *
 * <p>An int8 matrix {@code W} is presented as I8, with its scales as {@code W_scale} and, where
 * they are not all 0, its zero points as {@code W_zero_point}, one for each row.
 */
public final class OnnxCheckpoint implements Checkpoint {
  private static final String SCALE = "_scale";
  private static final String ZERO_POINT = "_zero_point";

  /**
   * Where a weight is.
   *
   * @param tensor as the graph has it
   * @param transposed whether its two dimensions change places
   * @param int8 what its codes stand for; null for floating point
   */
  public record Weight(OnnxTensor tensor, boolean transposed, OnnxInt8 int8) {
    /** A weight of floating point. */
    public Weight(OnnxTensor tensor, boolean transposed) {
      this(tensor, transposed, null);
    }

    /** Its shape as presented. */
    public List<Integer> shape() {
      List<Integer> shape = tensor.info().shape();
      return transposed ? List.of(shape.get(1), shape.get(0)) : shape;
    }
  }

  private final OnnxModel model;
  private final Map<String, Weight> weights;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
  private Weight kept;

  /** The kept matrix, transposed: float[] or byte[]. */
  private Object keptValues;

  public OnnxCheckpoint(OnnxModel model, Map<String, Weight> weights) {
    this.model = model;
    this.weights = new LinkedHashMap<>(weights);
    weights.forEach(this::addInfos);
  }

  private void addInfos(String name, Weight weight) {
    TensorInfo stored = weight.tensor().info();
    DType dtype = weight.int8() == null ? stored.dtype() : DType.I8;
    infos.put(name, new TensorInfo(name, dtype, weight.shape(), stored.source()));
    if (weight.int8() != null) {
      List<Integer> rows = weight.shape().subList(0, 1);
      infos.put(name + SCALE, new TensorInfo(name + SCALE, DType.F32, rows, stored.source()));
      if (weight.int8().zeroPoints() != null) {
        String zeroPoint = name + ZERO_POINT;
        infos.put(zeroPoint, new TensorInfo(zeroPoint, DType.I8, rows, stored.source()));
      }
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(infos.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      throw new ModelFormatException(model.label() + ": has no tensor " + name);
    }
    return info;
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    TensorInfo info = info(name);
    Weight weight = weights.get(name);
    if (weight == null && info.isFloat()) {
      info.checkRange(model.label(), first, count);
      float[] scales = weights.get(owner(name, SCALE)).int8().scales();
      System.arraycopy(scales, (int) first, target, offset, count);
    } else if (!info.isFloat()) {
      throw new ModelFormatException(
          model.label()
              + ": tensor "
              + name
              + " has dtype "
              + info.dtype()
              + ", a floating-point tensor was expected");
    } else if (!weight.transposed()) {
      weight.tensor().read(first, target, offset, count);
    } else {
      info.checkRange(model.label(), first, count);
      System.arraycopy(transposed(weight), (int) first, target, offset, count);
    }
  }

  @Override
  public void readCodes(String name, long first, byte[] target, int offset, int count) {
    TensorInfo info = info(name);
    if (info.dtype() != DType.I8) {
      Checkpoint.super.readCodes(name, first, target, offset, count);
    }
    info.checkRange(model.label(), first, count);
    Weight weight = weights.get(name);
    if (weight == null) {
      byte[] zeroPoints = weights.get(owner(name, ZERO_POINT)).int8().zeroPoints();
      System.arraycopy(zeroPoints, (int) first, target, offset, count);
    } else if (!weight.transposed()) {
      weight.tensor().readCodes(first, target, offset, count);
    } else {
      System.arraycopy(transposed(weight), (int) first, target, offset, count);
    }
  }

  private static String owner(String name, String suffix) {
    return name.substring(0, name.length() - suffix.length());
  }

  private Object transposed(Weight weight) {
    if (weight != kept) {
      kept = null;
      keptValues = null; // before the next one is made: one matrix at a time
      OnnxTensor tensor = weight.tensor();
      keptValues = weight.int8() == null ? transposedValues(tensor) : transposedCodes(tensor);
      kept = weight;
    }
    return keptValues;
  }

  private static float[] transposedValues(OnnxTensor tensor) {
    List<Integer> shape = tensor.info().shape();
    return Transposed.floats(
        shape.get(0), shape.get(1), (first, values, n) -> tensor.read(first, values, 0, n));
  }

  private static byte[] transposedCodes(OnnxTensor tensor) {
    List<Integer> shape = tensor.info().shape();
    return Transposed.bytes(
        shape.get(0), shape.get(1), (first, codes, n) -> tensor.readCodes(first, codes, 0, n));
  }

  @Override
  public String format() {
    return "ONNX";
  }

  @Override
  public void close() {
    kept = null;
    keptValues = null;
    model.close();
  }
}
