package dev.espalier.tensor;

/**
 * A matrix [rows, columns] in int8 ({@link Int8}).
 *
 * @param codes row after row
 * @param scales one a row
 */
public record QuantizedRows(byte[] codes, float[] scales) {}
