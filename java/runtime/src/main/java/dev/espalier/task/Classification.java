package dev.espalier.task;

import java.util.List;

/**
 * What a sequence classifier says of a text or a pair.
 *
 * @param label the class with the highest score, the first of equals
 * @param score its score
 * @param scores of all classes, in the order of their ids
 * @param logits the model's raw output, in the same order
 */
public record Classification(
    String label, double score, List<LabelScore> scores, List<Float> logits) {}
