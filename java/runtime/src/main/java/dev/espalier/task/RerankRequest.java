package dev.espalier.task;

import java.util.List;

/**
 * A query and the documents to put in order.
 *
 * @param documents may be empty
 */
public record RerankRequest(String query, List<String> documents) {}
