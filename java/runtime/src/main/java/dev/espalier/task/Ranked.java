package dev.espalier.task;

/**
 * A document's place in a ranking.
 *
 * @param document its index in the request
 * @param score how well it answers the query
 */
public record Ranked(int document, double score) {}
