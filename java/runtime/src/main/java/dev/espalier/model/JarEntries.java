package dev.espalier.model;

import dev.espalier.ModelFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Entries of an open jar as files of the cache.
 *
 * @param files file names in the cache's directory, and the entries they come from
 */
record JarEntries(Path jar, ZipFile zip, Map<String, ZipEntry> files)
    implements ModelCache.Contents {
  @Override
  public boolean isComplete(Path directory) {
    for (Map.Entry<String, ZipEntry> file : files.entrySet()) {
      try {
        if (Files.size(directory.resolve(file.getKey())) != file.getValue().getSize()) {
          return false;
        }
      } catch (IOException e) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void write(Path directory) throws IOException {
    for (Map.Entry<String, ZipEntry> file : files.entrySet()) {
      copy(file.getValue(), directory.resolve(file.getKey()));
    }
  }

  private void copy(ZipEntry entry, Path target) throws IOException {
    CRC32 crc = new CRC32();
    long bytes = 0;
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = zip.getInputStream(entry);
        OutputStream out = Files.newOutputStream(target)) {
      for (int n; (n = read(entry, in, buffer)) > 0; ) {
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

  private int read(ZipEntry entry, InputStream in, byte[] buffer) throws IOException {
    try {
      return in.read(buffer);
    } catch (ZipException | EOFException e) {
      throw new ModelFormatException(jar + ": " + entry + ": is damaged: " + e.getMessage(), e);
    }
  }
}
