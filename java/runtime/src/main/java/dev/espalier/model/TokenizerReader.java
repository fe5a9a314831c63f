package dev.espalier.model;

import dev.espalier.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Reads a model's tokenizer files whole. */
final class TokenizerReader {
  private static final long MAX_BYTES = 128 << 20;

  private TokenizerReader() {}

  /**
   * The files in {@code directory}; empty if it has neither {@code tokenizer.json} nor {@code
   * vocab.txt}.
   */
  static Optional<TokenizerFiles> read(Path directory) {
    Optional<byte[]> json = bytes(directory.resolve("tokenizer.json"));
    Optional<byte[]> vocab = bytes(directory.resolve("vocab.txt"));
    if (json.isEmpty() && vocab.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new TokenizerFiles(
            json, vocab, bytes(directory.resolve("tokenizer_config.json")), directory.toString()));
  }

  /** As {@link #read(Path)}, or {@code NAME-tokenizer.json} beside {@code NAME.onnx}. */
  static Optional<TokenizerFiles> besideOnnx(Path onnx) {
    Path directory = onnx.toAbsolutePath().getParent();
    Optional<TokenizerFiles> files = read(directory);
    if (files.isPresent()) {
      return files;
    }
    String stem = onnx.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    Path named = directory.resolve(stem + "-tokenizer.json");
    return bytes(named)
        .map(
            b ->
                new TokenizerFiles(
                    Optional.of(b), Optional.empty(), Optional.empty(), named.toString()));
  }

  private static Optional<byte[]> bytes(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw new ModelFormatException(
            file
                + ": has "
                + size
                + " bytes, at most "
                + MAX_BYTES
                + " are read as a tokenizer file");
      }
      return Optional.of(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new ModelFormatException(file + ": cannot be read: " + e, e);
    }
  }
}
