package dev.espalier.tensor;

import dev.espalier.InvalidInputException;
import java.util.Arrays;

/**
 * One factor for every attention head of a model, [layers, heads]: a head's context is multiplied
 * by it, and a head whose factor is 0 is not computed (the {@code head_mask} of Michel et al. 2019
 * and of Hugging Face transformers). Heads are counted as in the unpruned layer; the factors of
 * heads that a model no longer has are ignored. Immutable.
 */
public final class HeadMask {
  private final int layers;
  private final int heads;
  private final float[] values;

  private HeadMask(int layers, int heads, float[] values) {
    this.layers = layers;
    this.heads = heads;
    this.values = values;
  }

  /** Every head as it is: all factors 1. */
  public static HeadMask ones(int layers, int heads) {
    float[] values = new float[Math.multiplyExact(layers, heads)];
    Arrays.fill(values, 1);
    return new HeadMask(layers, heads, values);
  }

  /**
   * @param values [layers, heads], row by row
   * @throws InvalidInputException if their number differs from {@code layers * heads}, or one is
   *     not finite
   */
  public static HeadMask of(int layers, int heads, float[] values) {
    if (layers < 0 || heads < 0 || values.length != (long) layers * heads) {
      throw new InvalidInputException(
          "head mask: ["
              + layers
              + ", "
              + heads
              + "] needs "
              + (long) layers * heads
              + " values, got "
              + values.length);
    }
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new InvalidInputException(
            "head mask: layer "
                + i / heads
                + ", head "
                + i % heads
                + " is "
                + values[i]
                + ", a finite number was expected");
      }
    }
    return new HeadMask(layers, heads, values.clone());
  }

  /**
   * @param rows one row of factors a layer, all of the same length
   * @throws InvalidInputException if the rows differ in length, or a factor is not finite
   */
  public static HeadMask of(float[][] rows) {
    int heads = rows.length == 0 ? 0 : rows[0].length;
    float[] values = new float[rows.length * heads];
    for (int l = 0; l < rows.length; l++) {
      if (rows[l].length != heads) {
        throw new InvalidInputException(
            "head mask: layer "
                + l
                + " has "
                + rows[l].length
                + " values, layer 0 has "
                + heads
                + "; give one for every head of every layer");
      }
      System.arraycopy(rows[l], 0, values, l * heads, heads);
    }
    return of(rows.length, heads, values);
  }

  /** A copy in which one factor is another. */
  public HeadMask with(int layer, int head, float value) {
    float[] copy = values.clone();
    copy[index(layer, head)] = value;
    return of(layers, heads, copy);
  }

  public int layers() {
    return layers;
  }

  public int heads() {
    return heads;
  }

  public float value(int layer, int head) {
    return values[index(layer, head)];
  }

  /** All factors, [layers, heads] row by row; a copy. */
  public float[] values() {
    return values.clone();
  }

  /** Copies the factors of one layer to {@code target[offset..offset+heads-1]}. */
  public void copyLayer(int layer, float[] target, int offset) {
    System.arraycopy(values, layer * heads, target, offset, heads);
  }

  /**
   * @throws InvalidInputException if its shape is not [layers, heads]
   */
  public void checkShape(int modelLayers, int modelHeads) {
    if (layers != modelLayers || heads != modelHeads) {
      throw new InvalidInputException(
          "head mask: shape ["
              + layers
              + ", "
              + heads
              + "], the model has "
              + modelLayers
              + " layers of originally "
              + modelHeads
              + " heads");
    }
  }

  private int index(int layer, int head) {
    if (layer < 0 || layer >= layers || head < 0 || head >= heads) {
      throw new IndexOutOfBoundsException(
          "layer " + layer + ", head " + head + " of [" + layers + ", " + heads + "]");
    }
    return layer * heads + head;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HeadMask m
        && layers == m.layers
        && heads == m.heads
        && Arrays.equals(values, m.values);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * layers + heads) + Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return "HeadMask[" + layers + ", " + heads + "]" + Arrays.toString(values);
  }
}
