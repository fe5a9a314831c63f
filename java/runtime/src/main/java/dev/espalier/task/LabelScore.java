package dev.espalier.task;

/**
 * A class and its score.
 *
 * @param score a probability, or the raw output where the model is a regression or it was asked for
 */
public record LabelScore(String label, double score) {}
