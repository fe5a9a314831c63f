package dev.espalier.model;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Turns a short model name into a local file; found through {@link java.util.ServiceLoader}. The
 * module {@code espalier-hub} has the one that fetches Maven artifacts. Implementations are
 * thread-safe.
 */
public interface ModelResolver {
  /** One short name that this resolver knows, and what its artifact lacks. */
  record Known(
      String name,
      String description,
      String origin,
      EmbeddingSettings settings,
      Optional<Path> local,
      long bytes) {}

  /**
   * The short names this resolver knows, with where each is on this machine (if it is) and its size
   * in bytes.
   */
  List<Known> known();

  /**
   * The local file of {@code name}, fetched first if need be; empty if the name is not one of
   * {@link #known()}.
   *
   * @throws dev.espalier.ModelNotFoundException if the name is known but the file cannot be had
   */
  Optional<Path> resolve(String name);

  /**
   * The embedding settings of {@code name}, without looking for its file; empty if the name is not
   * known.
   */
  default Optional<EmbeddingSettings> settings(String name) {
    return known().stream().filter(k -> k.name().equals(name)).map(Known::settings).findFirst();
  }
}
