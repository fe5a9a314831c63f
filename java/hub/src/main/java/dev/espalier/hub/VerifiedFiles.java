package dev.espalier.hub;

import dev.espalier.ModelNotFoundException;
import dev.espalier.model.ModelCache;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SHA-256 of files, remembered in the user's cache while path, size and time of change stay: hashing an 80 MB jar at
 * every start would cost more than loading the model.
 */
final class VerifiedFiles {
  private static final Logger LOG = LoggerFactory.getLogger(VerifiedFiles.class);

  /**
   * The file's SHA-256.
   *
   * @param expected what it should be; only a match is remembered
   */
  String sha256(Path file, String expected) {
    try {
      String stamp =
          file.toAbsolutePath() + "\n" + Files.size(file) + "\n" + Files.getLastModifiedTime(file).toMillis() + "\n";
      Path record = ModelCache.root().resolve("verified").resolve(expected);
      if (Files.exists(record) && Files.readString(record).equals(stamp)) {
        return expected;
      }
      String found = hash(file);
      if (found.equals(expected)) {
        remember(record, stamp);
      }
      return found;
    } catch (IOException e) {
      throw new ModelNotFoundException(file + ": cannot be read: " + e, e);
    }
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
