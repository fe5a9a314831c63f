package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.CacheDirectory;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * One place where Espalier keeps what can be had again.
 *
 * @param what it is, for people
 * @param exists whether it is there yet
 * @param bytes in it, as far as it can be read
 * @param writable whether files can be put there, or it can be made
 */
record CacheReport(String what, Path path, boolean exists, long bytes, boolean writable) {

  /** The cache and its parts. */
  static List<CacheReport> all() {
    List<CacheReport> all = new ArrayList<>();
    Path root = CacheDirectory.get();
    all.add(of("cache", root));
    try (var parts = Files.newDirectoryStream(root, Files::isDirectory)) {
      for (Path part : parts) {
        all.add(of("cache, " + part.getFileName(), part));
      }
    } catch (IOException e) {
      return all;
    }
    return all;
  }

  private static CacheReport of(String what, Path path) {
    return new CacheReport(what, path, Files.isDirectory(path), size(path), isWritable(path));
  }

  private static long size(Path root) {
    long[] sum = new long[1];
    try {
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              sum[0] += attributes.size();
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      return sum[0];
    }
    return sum[0];
  }

  /** Tries it: permissions alone do not tell of a read-only mount. */
  private static boolean isWritable(Path path) {
    Path existing = path;
    while (existing != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    if (existing == null || !Files.isDirectory(existing)) {
      return false;
    }
    try {
      Files.delete(Files.createTempFile(existing, "espalier", ".tmp"));
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  String toText() {
    return path
        + (exists ? ", " + Facts.bytes(bytes) : ", not there yet")
        + (writable
            ? ""
            : ", NOT WRITABLE (set the system property " + CacheDirectory.PROPERTY + ")");
  }

  void write(JsonGenerator j) throws IOException {
    j.writeStartObject();
    j.writeStringField("what", what);
    j.writeStringField("path", path.toString());
    j.writeBooleanField("exists", exists);
    j.writeNumberField("bytes", bytes);
    j.writeBooleanField("writable", writable);
    j.writeEndObject();
  }
}
