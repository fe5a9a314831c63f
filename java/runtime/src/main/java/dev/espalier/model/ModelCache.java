package dev.espalier.model;

import dev.espalier.EspalierException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * The user's cache of unpacked models. An entry is a directory that is complete or absent: it is
 * filled under a temporary name and renamed, so that processes that unpack the same jar at once do
 * not see each other's halves.
 */
public final class ModelCache {
  /** System property that names the root directory of all of Espalier's caches. */
  public static final String PROPERTY = "espalier.cache";

  private static final String TEMPORARY = ".unpacking-";
  private static final Duration ABANDONED = Duration.ofDays(1);

  private ModelCache() {}

  /**
   * The root: {@code -Despalier.cache}, else {@code $XDG_CACHE_HOME/espalier}, else {@code
   * ~/.cache/espalier}.
   */
  public static Path root() {
    String property = System.getProperty(PROPERTY, "");
    String xdg = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
    try {
      if (!property.isBlank()) {
        return Path.of(property);
      }
      // The XDG specification: a relative path is to be ignored.
      if (!xdg.isBlank() && Path.of(xdg).isAbsolute()) {
        return Path.of(xdg, "espalier");
      }
      return Path.of(System.getProperty("user.home"), ".cache", "espalier");
    } catch (InvalidPathException e) {
      throw new EspalierException("the cache directory is not a valid path: " + e.getMessage(), e);
    }
  }

  /** The directory of unpacked models. */
  public static Path models() {
    return root().resolve("models");
  }

  /** What a directory of the cache is to hold. */
  interface Contents {
    /** Whether all of it is in {@code directory}, which may not exist. */
    boolean isComplete(Path directory);

    /**
     * Writes all of it into {@code directory}, which is empty.
     *
     * @throws dev.espalier.ModelFormatException if what it comes from is damaged
     */
    void write(Path directory) throws IOException;
  }

  /**
   * The directory {@code key} of the cache with {@code contents}, unpacked unless it is there
   * already.
   *
   * @param jar where it comes from, for messages
   * @throws dev.espalier.ModelFormatException if the jar is damaged
   * @throws EspalierException if the cache cannot be written
   */
  static Path unpack(Path jar, String key, Contents contents) {
    Path target = models().resolve(key);
    if (contents.isComplete(target)) {
      return target;
    }
    Path temporary = null;
    try {
      Files.createDirectories(models());
      sweep();
      temporary = Files.createTempDirectory(models(), TEMPORARY);
      contents.write(temporary);
      publish(temporary, target, contents);
      return target;
    } catch (IOException e) {
      throw new EspalierException(
          models()
              + ": "
              + jar
              + " cannot be unpacked there: "
              + reason(e)
              + "; name another cache directory with -D"
              + PROPERTY
              + "=DIR",
          e);
    } finally {
      delete(temporary);
    }
  }

  private static String reason(IOException e) {
    String kind = e.getClass().getSimpleName();
    if (e instanceof FileSystemException system && system.getReason() != null) {
      return kind + ", " + system.getReason();
    }
    return e.getMessage() == null ? kind : kind + ", " + e.getMessage();
  }

  /** Renames into place; where another process was faster, its directory holds the same. */
  private static void publish(Path temporary, Path target, Contents contents) throws IOException {
    for (int attempt = 0; ; attempt++) {
      try {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        return;
      } catch (IOException e) {
        if (contents.isComplete(target)) {
          return;
        }
        if (attempt == 3 || !Files.exists(target)) {
          throw e;
        }
        // What is there was damaged by something else: move it out of the way whole, then delete
        // it.
        Path damaged = Files.createTempDirectory(target.getParent(), TEMPORARY);
        Files.move(target, damaged.resolve("damaged"), StandardCopyOption.ATOMIC_MOVE);
        delete(damaged);
      }
    }
  }

  /** Deletes what processes that were killed midway left behind. */
  private static void sweep() throws IOException {
    FileTime oldest = FileTime.from(Instant.now().minus(ABANDONED));
    try (Stream<Path> entries = Files.list(models())) {
      for (Path entry : entries.toList()) {
        boolean isTemporary = entry.getFileName().toString().startsWith(TEMPORARY);
        if (isTemporary && Files.getLastModifiedTime(entry).compareTo(oldest) < 0) {
          delete(entry);
        }
      }
    }
  }

  /** Deletes as much as it can: what stays is swept another day. */
  private static void delete(Path directory) {
    if (directory == null || !Files.exists(directory)) {
      return;
    }
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      directory.toFile().deleteOnExit();
    }
  }
}
