package dev.espalier.task;

/**
 * Something that a text names.
 *
 * @param label its kind, without {@code B-} or {@code I-} unless nothing was aggregated
 * @param start where it begins in the text, in UTF-16 units
 * @param end where it ends, exclusive
 * @param text {@code text.substring(start, end)}
 * @param score the mean probability of its tokens' (or words') labels
 */
public record Entity(String label, int start, int end, String text, double score) {}
