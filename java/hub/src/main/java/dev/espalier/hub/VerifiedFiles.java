package dev.espalier.hub;

import dev.espalier.ModelNotFoundException;
import dev.espalier.model.ModelCache;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SHA-256 of files, remembered in the user's cache while path, size and time of change stay:
 * hashing an 80 MB jar at every start would cost more than loading the model.
 */
final class VerifiedFiles {
  private static final Logger LOG = LoggerFactory.getLogger(VerifiedFiles.class);

  /**
   * The file's SHA-256, computed.
   *
   * @param expected what it should be; only a match is remembered
   */
  String sha256(Path file, String expected) {
    try {
      String stamp = stamp(file);
      String found = hash(file);
      if (found.equals(expected)) {
        remember(record(expected), stamp);
      }
      return found;
    } catch (IOException e) {
      throw new ModelNotFoundException(file + ": cannot be read: " + e, e);
    }
  }

  /** The file that had this SHA-256 when it was last hashed, if it has not changed since. */
  Optional<Path> unchanged(String sha256) {
    try {
      String stamp = Files.readString(record(sha256));
      Path file = Path.of(stamp.substring(0, Math.max(0, stamp.indexOf('\n'))));
      return Optional.of(file).filter(f -> !stamp.isEmpty()).filter(f -> isStillSo(f, stamp));
    } catch (IOException | InvalidPathException e) {
      // No record, or none that can be read: the file is sought and hashed.
      return Optional.empty();
    }
  }

  private static boolean isStillSo(Path file, String stamp) {
    try {
      return stamp(file).equals(stamp);
    } catch (IOException e) {
      return false;
    }
  }

  private static Path record(String sha256) {
    return ModelCache.root().resolve("verified").resolve(sha256);
  }

  private static String stamp(Path file) throws IOException {
    return file.toAbsolutePath()
        + "\n"
        + Files.size(file)
        + "\n"
        + Files.getLastModifiedTime(file).toMillis()
        + "\n";
  }

  private static void remember(Path record, String stamp) {
    try {
      Files.createDirectories(record.getParent());
      Path temporary = Files.createTempFile(record.getParent(), ".", ".tmp");
      try {
        Files.write(temporary, stamp.getBytes(StandardCharsets.UTF_8));
        Files.move(temporary, record, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      // Without the record the file is hashed again next time.
      LOG.debug("cannot write {}", record, e);
    }
  }

  private static String hash(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n; (n = in.read(buffer)) > 0; ) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
