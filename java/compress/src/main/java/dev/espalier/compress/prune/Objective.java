package dev.espalier.compress.prune;

import dev.espalier.task.Model;

/**
 * What a model is to be good at. Deterministic: the same model scores the same. Thread-safe if its
 * models are.
 */
public interface Objective {
  /** What is measured, for people: {@code spearman of 1500 pairs}. */
  String name();

  /** In points, 100 being perfect; more is better. */
  double score(Model model);
}
