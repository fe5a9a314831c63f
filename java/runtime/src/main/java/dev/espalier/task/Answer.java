package dev.espalier.task;

/**
 * A piece of a context that may answer a question; empty, from 0 to 0, for "no answer here".
 *
 * @param text {@code context.substring(start, end)}
 * @param start where it begins in the context, in UTF-16 units
 * @param end where it ends, exclusive
 * @param score the product of the probabilities of its start and end; the same words found several
 *     times add up, so that it may exceed 1
 */
public record Answer(String text, int start, int end, double score) {}
