/**
 * Espalier beside its peers: the same texts, the same threads, in one process. {@code
 * tests/bench/README.md} says what is measured and how to run it.
 */
package dev.espalier.bench;
