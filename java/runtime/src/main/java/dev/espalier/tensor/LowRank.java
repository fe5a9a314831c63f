package dev.espalier.tensor;

/**
 * A linear layer in two factors, {@code y = (x D^T) U^T + b}: D [rank, inputs], U [outputs, rank],
 * each stored as any linear layer may be. It costs {@code rank (inputs + outputs)} multiplications
 * a row.
 *
 * @param down D, without a bias
 * @param up U and b
 */
public record LowRank(Linear down, Linear up) implements Linear {
  @Override
  public int outputs() {
    return up.outputs();
  }

  @Override
  public int inputs() {
    return down.inputs();
  }

  public int rank() {
    return down.outputs();
  }

  /** That of both factors. */
  @Override
  public DType dtype() {
    return up.dtype();
  }

  @Override
  public long bytes() {
    return down.bytes() + up.bytes();
  }

  @Override
  public void close() {
    down.close();
    up.close();
  }
}
