package dev.espalier.model;

import java.util.Optional;

/**
 * A model's tokenizer files as bytes; at least one of the first two is present.
 *
 * @param tokenizerJson {@code tokenizer.json}
 * @param vocab {@code vocab.txt}
 * @param tokenizerConfig {@code tokenizer_config.json}
 * @param source where they are, for messages
 */
public record TokenizerFiles(
    Optional<byte[]> tokenizerJson,
    Optional<byte[]> vocab,
    Optional<byte[]> tokenizerConfig,
    String source) {}
