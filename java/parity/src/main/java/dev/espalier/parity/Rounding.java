package dev.espalier.parity;

/**
 * How a backend rounds: the numbers from which every bound follows.
 *
 * @param unit largest relative error of one addition, multiplication, division or square root;
 *     2^-24 for IEEE fp32 rounded to nearest
 * @param function largest relative error of the exponential, the hyperbolic tangent and the error
 *     function
 * @param store largest relative error of keeping a value in a tensor of 16 bits, 0 for fp32
 * @param storeLeast largest absolute error of that where values underflow
 * @param operand largest relative error of rounding what a product is to take beyond that, 0 where
 *     it takes values as they are kept
 * @param flush the number below which operands and sums of products count as 0; 0 where they do not
 */
public record Rounding(
    double unit, double function, double store, double storeLeast, double operand, double flush) {
  /** Tensors in fp32: keeping a value is no rounding beyond that of the op. */
  public Rounding(double unit, double function) {
    this(unit, function, 0, 0);
  }

  /** Tensors in 16 bits, which products take as they are. */
  public Rounding(double unit, double function, double store, double storeLeast) {
    this(unit, function, store, storeLeast, 0, 0);
  }

  /** What rounding a value for a product costs that is {@code y} give or take {@code error}. */
  double operand(double y, double error) {
    return operand * (Math.abs(y) + error) + flush;
  }

  /** What keeping a value costs that is {@code y} give or take {@code error}. */
  double stored(double y, double error) {
    return store * (Math.abs(y) + error) + storeLeast;
  }

  /**
   * Half an ulp of fp32, relative: what rounding the reference's double result to fp32 may cost.
   */
  public static final double HALF_ULP = 0x1p-24;

  /** The smallest positive fp32 number: what one rounding may cost where results underflow. */
  public static final double TINY = 0x1p-149;

  /** Higham's gamma: the relative error that {@code n} roundings in a row stay within. */
  double gamma(double n) {
    return n * unit / (1 - n * unit);
  }
}
