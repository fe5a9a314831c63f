/**
 * Proof that a backend computes what it should: random cases for every op, derived tolerances,
 * whole models against published values.
 */
package dev.espalier.parity;
