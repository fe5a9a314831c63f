package dev.espalier.backend;

import dev.espalier.tensor.Tensor;

/** A matrix in a Java array, without any pitch. */
record JavaTensor(float[] values, int rows, int columns) implements Tensor {}
