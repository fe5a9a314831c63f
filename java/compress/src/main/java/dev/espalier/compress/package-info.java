/** Makes models smaller, and measures what that costs: quantization, evaluation. */
package dev.espalier.compress;
