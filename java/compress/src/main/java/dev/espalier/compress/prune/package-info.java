/** Structured pruning: what to cut from a model, and the model that is left. */
package dev.espalier.compress.prune;
