package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.backend.NativeWeights.Norm;
import dev.espalier.backend.NativeWeights.Packed;
import dev.espalier.backend.NativeWeights.Tables;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;

/** Reads weights some rows at a time and packs them into native memory. */
final class NativePacker {
  /** Elements that are read and copied at a time: bounds what packing takes of the Java heap. */
  private static final int CHUNK_ELEMENTS = 1 << 18;

  private final NativeBackend backend;

  NativePacker(NativeBackend backend) {
    this.backend = backend;
  }

  Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    DType dtype = backend.keepsHalves() ? weight.dtype() : DType.F32;
    return fill(create(outputs, inputs, dtype, linearCode(dtype)), weight, bias);
  }

  Linear blockLinear(BlockMask blocks, RowSource weight, float[] bias) {
    DType dtype = backend.keepsHalves() ? weight.dtype() : DType.F32;
    return fill(create(blocks, dtype, linearCode(dtype)), weight, bias);
  }

  private Linear fill(Packed w, RowSource weight, float[] bias) {
    int outputs = w.outputs();
    int inputs = w.inputs();
    int chunk = chunkRows(inputs, outputs);
    try (NativeHandle staging =
        backend.allocateHost("staging", 4L * Math.max(1, Math.max(chunk * inputs, outputs)))) {
      long at = staging.address();
      copyRows(
          weight,
          outputs,
          inputs,
          (first, count, values) -> {
            NativeMemory.write(at, values, 0, count * inputs);
            check(Espalier.esp_weight_set_rows(w.handle().address(), first, count, at));
          });
      setBias(w, bias, at);
      return w;
    } catch (RuntimeException | Error e) {
      w.close();
      throw e;
    }
  }

  Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    return fillCodes(create(outputs, inputs, DType.I8, code(DType.I8)), weight, bias);
  }

  Linear blockInt8Linear(BlockMask blocks, CodeSource weight, float[] bias) {
    return fillCodes(create(blocks, DType.I8, code(DType.I8)), weight, bias);
  }

  private Linear fillCodes(Packed w, CodeSource weight, float[] bias) {
    int outputs = w.outputs();
    int inputs = w.inputs();
    int chunk = chunkRows(inputs, outputs);
    int[] zeroPoints = weight.zeroPoints();
    try (NativeHandle staging =
        backend.allocateHost("staging", 8L * outputs + (long) chunk * inputs)) {
      long scalesAt = staging.address();
      long zeroPointsAt = scalesAt + 4L * outputs;
      long codesAt = zeroPointsAt + 4L * outputs;
      if (zeroPoints != null) {
        NativeMemory.write(zeroPointsAt, zeroPoints, 0, outputs);
      }
      check(Espalier.esp_weight_set_input_block(w.handle().address(), weight.inputBlock()));
      copyCodes(
          weight,
          outputs,
          inputs,
          (first, count, codes, scales) -> {
            NativeMemory.write(scalesAt, scales, 0, count);
            NativeMemory.write(codesAt, codes, 0, count * inputs);
            long zeroPointsOfRows = zeroPoints == null ? 0 : zeroPointsAt + 4L * first;
            check(
                Espalier.esp_weight_set_codes(
                    w.handle().address(), first, count, codesAt, scalesAt, zeroPointsOfRows));
          });
      setBias(w, bias, scalesAt);
      return w;
    } catch (RuntimeException | Error e) {
      w.close();
      throw e;
    }
  }

  /** A type of the C ABI. */
  static int code(DType dtype) {
    return switch (dtype) {
      case F32 -> Espalier.ESP_F32;
      case I8 -> Espalier.ESP_I8;
      case F16 -> Espalier.ESP_F16;
      case BF16 -> Espalier.ESP_BF16;
      default -> throw new IllegalArgumentException("no weight is " + dtype);
    };
  }

  /** That of a linear layer's weight, which says how it is multiplied too. */
  private int linearCode(DType dtype) {
    return dtype == DType.BF16 && backend.products() == DType.BF16
        ? Espalier.ESP_BF16_PRODUCTS
        : code(dtype);
  }

  private Packed create(int outputs, int inputs, DType dtype, int code) {
    long[] out = new long[1];
    check(Espalier.esp_weight_create(backend.address(), outputs, inputs, code, out));
    return new Packed(
        outputs, inputs, dtype, backend.own("weight", out[0], Espalier::esp_weight_destroy));
  }

  /** A weight that holds only what {@code blocks} keeps. */
  private Packed create(BlockMask blocks, DType dtype, int code) {
    long[] out = new long[1];
    byte[] kept = blocks.kept();
    try (NativeHandle staging = backend.allocateHost("staging", kept.length)) {
      NativeMemory.write(staging.address(), kept, 0, kept.length);
      check(
          Espalier.esp_weight_create_blocks(
              backend.address(),
              blocks.rows(),
              blocks.columns(),
              code,
              blocks.size(),
              staging.address(),
              out));
    }
    return new Packed(
        blocks.rows(),
        blocks.columns(),
        dtype,
        backend.own("weight", out[0], Espalier::esp_weight_destroy));
  }

  private static void setBias(Packed w, float[] bias, long staging) {
    NativeMemory.write(staging, bias, 0, w.outputs());
    check(Espalier.esp_weight_set_bias(w.handle().address(), 0, w.outputs(), staging));
  }

  LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    int n = gamma.length;
    Norm norm = new Norm(n, epsilon, backend.allocate("layer norm", 8L * n));
    try (NativeHandle staging = backend.allocateHost("staging", 8L * n)) {
      NativeMemory.write(staging.address(), gamma, 0, n);
      NativeMemory.write(staging.address() + 4L * n, beta, 0, n);
      backend.write(norm.gamma(), staging.address(), 8L * n);
      return norm;
    } catch (RuntimeException | Error e) {
      norm.close();
      throw e;
    }
  }

  Embeddings embeddings(
      int vocabSize,
      RowSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    DType dtype = backend.keepsHalves() ? word.dtype() : DType.F32;
    Tables t = tables(vocabSize, typeVocabSize, type, maxPositions, position, columns, dtype, 0);
    try {
      if (Halves.isHalf(dtype)) {
        copyHalves(word, vocabSize, columns, t.word());
      } else {
        copyTable(word, vocabSize, columns, t.word());
      }
      return t;
    } catch (RuntimeException | Error e) {
      t.close();
      throw e;
    }
  }

  Embeddings int8Embeddings(
      int vocabSize,
      CodeSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    int[] zeroPoints = word.zeroPoints();
    int zeroPoint = zeroPoints == null ? 0 : zeroPoints[0];
    Tables t =
        tables(
            vocabSize, typeVocabSize, type, maxPositions, position, columns, DType.I8, zeroPoint);
    int chunk = chunkRows(columns, vocabSize);
    try (NativeHandle staging = backend.allocateHost("staging", (4L + columns) * chunk)) {
      long codesAt = staging.address() + 4L * chunk;
      copyCodes(
          word,
          vocabSize,
          columns,
          (first, count, codes, scales) -> {
            NativeMemory.write(staging.address(), scales, 0, count);
            NativeMemory.write(codesAt, codes, 0, count * columns);
            backend.write(t.scales() + 4L * first, staging.address(), 4L * count);
            backend.write(t.word() + (long) first * columns, codesAt, (long) count * columns);
          });
      return t;
    } catch (RuntimeException | Error e) {
      t.close();
      throw e;
    }
  }

  /** The tables with types and positions, but without words so far. */
  private Tables tables(
      int vocabSize,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns,
      DType wordType,
      int wordZeroPoint) {
    long bytes = Tables.bytes(vocabSize, typeVocabSize, maxPositions, columns, wordType);
    Tables t =
        new Tables(
            vocabSize,
            typeVocabSize,
            maxPositions,
            columns,
            wordType,
            wordZeroPoint,
            backend.allocate("embeddings", bytes));
    try {
      copyTable(type, typeVocabSize, columns, t.type());
      copyTable(position, maxPositions, columns, t.position());
      return t;
    } catch (RuntimeException | Error e) {
      t.close();
      throw e;
    }
  }

  private void copyTable(RowSource source, int rows, int columns, long address) {
    long chunk = 4L * columns * chunkRows(columns, rows);
    try (NativeHandle staging = backend.allocateHost("staging", chunk)) {
      long at = staging.address();
      copyRows(
          source,
          rows,
          columns,
          (first, count, values) -> {
            NativeMemory.write(at, values, 0, count * columns);
            backend.write(address + 4L * first * columns, at, 4L * count * columns);
          });
    }
  }

  /** As {@link #copyTable}, values of {@link RowSource#dtype} in 16 bits each. */
  private void copyHalves(RowSource source, int rows, int columns, long address) {
    int chunk = chunkRows(columns, rows) * columns;
    // Two in an int, the first in its lower half; a last one alone is followed by zeros.
    int[] pairs = new int[(chunk + 1) / 2];
    try (NativeHandle staging = backend.allocateHost("staging", 4L * pairs.length)) {
      copyRows(
          source,
          rows,
          columns,
          (first, count, values) -> {
            int n = count * columns;
            for (int i = 0; i < n; i += 2) {
              int low = Halves.bits(source.dtype(), values[i]) & 0xffff;
              int high = i + 1 < n ? Halves.bits(source.dtype(), values[i + 1]) : 0;
              pairs[i / 2] = low | high << 16;
            }
            NativeMemory.write(staging.address(), pairs, 0, (n + 1) / 2);
            backend.write(address + 2L * first * columns, staging.address(), 2L * n);
          });
    }
  }

  private static int chunkRows(int columns, int rows) {
    return Math.min(rows, Math.max(1, CHUNK_ELEMENTS / Math.max(1, columns)));
  }

  /** Takes rows that were read. */
  private interface RowSink {
    void accept(int first, int count, float[] values);
  }

  private static void copyRows(RowSource source, int rows, int columns, RowSink sink) {
    int chunk = chunkRows(columns, rows);
    float[] values = new float[chunk * columns];
    for (int first = 0; first < rows; first += chunk) {
      int count = Math.min(chunk, rows - first);
      source.read(first, count, values);
      sink.accept(first, count, values);
    }
  }

  /** Takes quantized rows that were read. */
  private interface CodeSink {
    void accept(int first, int count, byte[] codes, float[] scales);
  }

  private static void copyCodes(CodeSource source, int rows, int columns, CodeSink sink) {
    int chunk = chunkRows(columns, rows);
    byte[] codes = new byte[chunk * columns];
    float[] scales = new float[chunk];
    for (int first = 0; first < rows; first += chunk) {
      int count = Math.min(chunk, rows - first);
      source.read(first, count, codes, scales);
      sink.accept(first, count, codes, scales);
    }
  }
}
