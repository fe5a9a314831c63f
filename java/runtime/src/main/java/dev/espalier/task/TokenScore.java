package dev.espalier.task;

/**
 * A token that may stand at a mask.
 *
 * @param token as in the vocabulary: {@code ##} marks the inside of a word
 * @param id its id
 * @param score its probability among the whole vocabulary
 */
public record TokenScore(String token, int id, double score) {}
