package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.RowSource;
import dev.espalier.parity.ParityWeights.PairedHeads;
import dev.espalier.parity.ParityWeights.PairedInt8;
import dev.espalier.parity.ParityWeights.PairedLinear;
import dev.espalier.parity.ParityWeights.PairedNorm;
import dev.espalier.parity.ParityWeights.PairedTables;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import java.util.Optional;
import java.util.function.Function;

/**
 * Packs every weight twice: for the {@link JavaBackend} and for the backend under test, and keeps
 * the values that bounds are derived from. Where the backend under test has elements or products of
 * 16 bits, dense weights are rounded to them first, for both.
 */
abstract class ParityPacking implements Backend {
  final JavaBackend reference = new JavaBackend();
  final Backend tested;

  /** The input block of the int8 form of each fp32 layer; 0 for no such form. */
  final int quantizing;

  ParityPacking(Backend tested, int quantizing) {
    this.tested = tested;
    this.quantizing = quantizing;
  }

  @Override
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    float[] values = new float[Math.multiplyExact(outputs, inputs)];
    weight.roundedTo(tested.products(), "weight", inputs).read(0, outputs, values);
    RowSource rows = RowSource.withDtype(RowSource.of(values, inputs), kept(weight));
    return new PairedLinear(
        reference.linear(outputs, inputs, rows, bias),
        tested.linear(outputs, inputs, rows, bias),
        values,
        bias.clone(),
        quantizing > 0
            ? Optional.of(
                tested.int8Linear(outputs, inputs, quantized(values, inputs, quantizing), bias))
            : Optional.empty());
  }

  /**
   * What a weight is packed as: where it was rounded to the backend's elements, as fp32; where it
   * was rounded for the backend's products, as what it was rounded to.
   */
  private DType kept(RowSource weight) {
    if (Halves.isHalf(tested.elements())) {
      return DType.F32;
    }
    return Halves.isHalf(tested.products()) ? tested.products() : weight.dtype();
  }

  private static CodeSource quantized(float[] values, int columns, int inputBlock) {
    float[] row = new float[columns];
    CodeSource rows =
        (first, count, codes, scales) -> {
          for (int r = 0; r < count; r++) {
            System.arraycopy(values, (first + r) * columns, row, 0, columns);
            Int8.rotateWeight(row, 0, columns, inputBlock);
            scales[r] = Int8.quantizeWeight(row, 0, columns, codes, r * columns);
          }
        };
    return rows.withInputBlock(inputBlock);
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    return new PairedInt8(
        reference.int8Linear(outputs, inputs, weight, bias),
        tested.int8Linear(outputs, inputs, weight, bias));
  }

  @Override
  public Linear blockLinear(BlockMask blocks, RowSource weight, float[] bias) {
    RowSource given = weight.roundedTo(tested.products(), "weight", blocks.columns());
    float[] values = read(given, blocks.rows(), blocks.columns());
    RowSource rows = RowSource.withDtype(RowSource.of(values, blocks.columns()), kept(weight));
    return new PairedLinear(
        reference.blockLinear(blocks, rows, bias),
        tested.blockLinear(blocks, rows, bias),
        values,
        bias.clone(),
        Optional.empty());
  }

  @Override
  public Linear blockInt8Linear(BlockMask blocks, CodeSource weight, float[] bias) {
    return new PairedInt8(
        reference.blockInt8Linear(blocks, weight, bias),
        tested.blockInt8Linear(blocks, weight, bias));
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    return new PairedNorm(
        reference.layerNorm(gamma, beta, epsilon),
        tested.layerNorm(gamma, beta, epsilon),
        gamma.clone(),
        beta.clone());
  }

  @Override
  public Embeddings embeddings(
      int vocabSize,
      RowSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    float[] words = read(word, vocabSize, columns);
    float[] types = read(type, typeVocabSize, columns);
    float[] positions = read(position, maxPositions, columns);
    Function<Backend, Embeddings> pack =
        backend ->
            backend.embeddings(
                vocabSize,
                RowSource.withDtype(RowSource.of(words, columns), word.dtype()),
                typeVocabSize,
                RowSource.of(types, columns),
                maxPositions,
                RowSource.of(positions, columns),
                columns);
    return new PairedTables(pack.apply(reference), pack.apply(tested), words, types, positions);
  }

  @Override
  public Embeddings int8Embeddings(
      int vocabSize,
      CodeSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    byte[] codes = new byte[Math.multiplyExact(vocabSize, columns)];
    float[] scales = new float[vocabSize];
    word.read(0, vocabSize, codes, scales);
    float[] words = new float[codes.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = codes[i] * scales[i / columns];
    }
    Function<Backend, Embeddings> pack =
        backend ->
            backend.int8Embeddings(
                vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
    return new PairedTables(
        pack.apply(reference),
        pack.apply(tested),
        words,
        read(type, typeVocabSize, columns),
        read(position, maxPositions, columns));
  }

  private static float[] read(RowSource source, int rows, int columns) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    source.read(0, rows, values);
    return values;
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants, DType weights) {
    return new PairedHeads(
        reference.heads(layout, constants, weights),
        tested.heads(layout, constants, weights),
        constants);
  }
}
