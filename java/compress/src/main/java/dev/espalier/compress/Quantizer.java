package dev.espalier.compress;

import dev.espalier.encoder.StoredMatrix;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.DType;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Presents a model in int8 ({@link dev.espalier.tensor.Int8}): the codes and scales are those that
 * loading it with {@link DType#I8} gives, matrices that are int8 already keep their own.
 */
public final class Quantizer {
  private Quantizer() {}

  /**
   * The same model in int8; little is read and nothing is quantized before its weights are read.
   * Closing it closes the source.
   *
   * @param keepFp32 matrices to leave as they are ({@link Int8Parts#named}); may be empty
   */
  public static ModelSource int8(ModelSource source, Set<String> keepFp32) {
    Set<String> quantize = new TreeSet<>(Int8Parts.matrices(source.config()));
    quantize.removeAll(keepFp32);
    quantize.removeIf(n -> EncoderTensors.isInt8(source.weights(), n));
    return new ModelSource(
        source.name(),
        source.location(),
        source.config(),
        new Int8Checkpoint(source.weights(), quantize),
        source.tokenizer(),
        source.embedding());
  }

  /**
   * A checkpoint some of whose matrices are presented in int8; the matrix that was read last is
   * kept.
   */
  private static final class Int8Checkpoint implements Checkpoint {
    private final Checkpoint stored;
    private final Set<String> quantized;
    private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
    private final Map<String, float[]> scales = new LinkedHashMap<>();
    private final Map<String, Integer> blocks = new LinkedHashMap<>();
    private String kept;
    private byte[] keptCodes;

    Int8Checkpoint(Checkpoint stored, Set<String> quantized) {
      this.stored = stored;
      this.quantized = quantized;
      for (String name : stored.names()) {
        TensorInfo info = stored.info(name);
        if (quantized.contains(name)) {
          infos.put(name, new TensorInfo(name, DType.I8, info.shape(), info.source()));
          String scale = EncoderTensors.scale(name);
          List<Integer> rows = info.shape().subList(0, 1);
          infos.put(scale, new TensorInfo(scale, DType.F32, rows, info.source()));
          int inputBlock =
              new StoredMatrix(stored, Int8Parts.ofOneInput(name, stored::contains)).inputBlock();
          blocks.put(name, inputBlock);
          if (inputBlock > 1) {
            String block = EncoderTensors.inputBlock(name);
            infos.put(block, new TensorInfo(block, DType.I8, List.of(1), info.source()));
          }
        } else {
          infos.put(name, info);
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
      return info == null ? stored.info(name) : info;
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      String owner = owner(name, "_scale");
      if (!quantized.contains(owner)) {
        stored.read(name, first, target, offset, count);
        return;
      }
      if (!scales.containsKey(owner)) {
        quantize(owner);
      }
      System.arraycopy(scales.get(owner), Math.toIntExact(first), target, offset, count);
    }

    @Override
    public void readCodes(String name, long first, byte[] target, int offset, int count) {
      if (quantized.contains(owner(name, "_block"))) {
        target[offset] = blocks.get(owner(name, "_block")).byteValue();
        return;
      }
      if (!quantized.contains(name)) {
        stored.readCodes(name, first, target, offset, count);
        return;
      }
      if (!name.equals(kept)) {
        quantize(name);
      }
      System.arraycopy(keptCodes, Math.toIntExact(first), target, offset, count);
    }

    private static String owner(String name, String suffix) {
      return name.endsWith(suffix) ? name.substring(0, name.length() - suffix.length()) : "";
    }

    private void quantize(String name) {
      kept = null;
      StoredMatrix matrix = new StoredMatrix(stored, List.of(name));
      byte[] codes = new byte[Math.multiplyExact(matrix.rows(), matrix.columns())];
      float[] rowScales = new float[matrix.rows()];
      matrix.codes(blocks.get(name)).read(0, matrix.rows(), codes, rowScales);
      scales.put(name, rowScales);
      keptCodes = codes;
      kept = name;
    }

    @Override
    public String format() {
      return stored.format();
    }

    @Override
    public void close() {
      kept = null;
      keptCodes = null;
      stored.close();
    }
  }
}
