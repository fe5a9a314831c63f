package dev.espalier.bindings;

import dev.espalier.BackendUnavailableException;
import dev.espalier.CacheDirectory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * Loads libespalier and its JNI glue, once per process.
 *
 * <p>The libraries lie in the jar under {@code dev/espalier/native/<platform>}, together with an
 * {@code index} that names them in loading order. They are unpacked once per content into {@code
 * native/<hash>} of the {@link CacheDirectory}.
 *
 * <p>Thread-safe.
 */
public final class NativeLibrary {
  /**
   * The system property that names a directory which holds the libraries already: they are loaded
   * from there as they are and nothing is unpacked.
   */
  public static final String DIRECTORY_PROPERTY = "espalier.natives";

  /** What released jars hold libraries for. */
  public static final String PLATFORMS = "linux-x86_64";

  private static final String RESOURCES = "/dev/espalier/native/";

  /** Beside the libraries that are always loaded: their list. */
  private static final String INDEX = "index";

  private static boolean attempted;
  private static BackendUnavailableException failure;

  private NativeLibrary() {}

  /**
   * Loads the libraries unless they are loaded already. A failure is remembered, not tried again.
   *
   * @throws BackendUnavailableException if this platform has no libraries, they cannot be unpacked
   *     or loaded, or they speak another ABI version
   */
  public static void load() {
    BackendUnavailableException cause = unavailabilityCause();
    if (cause != null) {
      throw new BackendUnavailableException(cause.getMessage(), cause);
    }
  }

  public static boolean isAvailable() {
    return unavailabilityCause() == null;
  }

  /** Why the libraries cannot be used, or null if they can; tries to load them. */
  public static synchronized BackendUnavailableException unavailabilityCause() {
    if (!attempted) {
      attempted = true;
      try {
        loadOnce();
      } catch (BackendUnavailableException e) {
        failure = e;
      } catch (RuntimeException | LinkageError e) {
        failure = new BackendUnavailableException("cannot load the native library: " + e, e);
      }
    }
    return failure;
  }

  /**
   * Whether there are libraries, but of another release: a mistake in putting the program together,
   * which nobody wants to be passed over. {@link #load} says what it is.
   */
  public static boolean isMismatched() {
    return unavailabilityCause() instanceof MismatchException;
  }

  /**
   * This machine in the words of the resource folders, for instance linux-x86_64 or macosx-arm64.
   */
  public static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    if (os.startsWith("mac")) {
      os = "macosx";
    } else if (os.startsWith("windows")) {
      os = "windows";
    }
    if (arch.equals("amd64")) {
      arch = "x86_64";
    } else if (arch.equals("aarch64")) {
      arch = "arm64";
    }
    return os.replace(" ", "") + "-" + arch;
  }

  private static void loadOnce() {
    String given = System.getProperty(DIRECTORY_PROPERTY);
    List<Path> files;
    if (given != null && !given.isEmpty()) {
      Path directory = Path.of(given).toAbsolutePath();
      files =
          List.of(
              directory.resolve(System.mapLibraryName("espalier")),
              directory.resolve(System.mapLibraryName("jniespalier")));
    } else {
      files = unpack(readIndex(INDEX));
    }
    // In this order: the glue's reference to libespalier.so is resolved by the name of what is
    // loaded already.
    for (Path file : files) {
      try {
        System.load(file.toString());
      } catch (UnsatisfiedLinkError e) {
        throw new BackendUnavailableException(
            "cannot load "
                + file
                + ": "
                + e.getMessage()
                + " (if its folder is mounted noexec, name another with the system property "
                + CacheDirectory.PROPERTY
                + ")",
            e);
      }
    }
    requireVersion(files.get(0), Espalier.esp_abi_version());
  }

  /** The libraries were loaded, and are those of another release. */
  static final class MismatchException extends BackendUnavailableException {
    private static final long serialVersionUID = 1;

    MismatchException(String message) {
      super(message);
    }
  }

  static void requireVersion(Path library, int version) {
    if (version != Espalier.ABI_VERSION) {
      throw new MismatchException(
          library
              + " has ABI version "
              + version
              + ", but these classes were written for version "
              + Espalier.ABI_VERSION
              + ": use the libraries of the same release (system property "
              + DIRECTORY_PROPERTY
              + "), or build without -Dnative.skip");
    }
  }

  /**
   * A library that is unpacked only where it is asked for, and loaded by others: its path, or empty
   * if this build does not have it.
   *
   * @param fileName as the system names libraries
   */
  static Optional<Path> packed(String fileName) {
    String given = System.getProperty(DIRECTORY_PROPERTY, "");
    if (!given.isEmpty()) {
      Path file = Path.of(given).toAbsolutePath().resolve(fileName);
      return Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
    }
    String index = fileName + "." + INDEX;
    if (NativeLibrary.class.getResource(RESOURCES + platform() + "/" + index) == null) {
      return Optional.empty();
    }
    return Optional.of(unpack(readIndex(index)).get(0));
  }

  /** One line of the index: file name, bytes, CRC-32 and SHA-256 in hexadecimal. */
  private record Entry(String name, long bytes, long crc, String hash) {}

  private static List<Entry> readIndex(String name) {
    String resource = RESOURCES + platform() + "/" + name;
    List<Entry> entries = new ArrayList<>();
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new BackendUnavailableException(noLibrary(resource));
      }
      BufferedReader reader =
          new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        String[] fields = line.split(" ");
        entries.add(
            new Entry(
                fields[0], Long.parseLong(fields[1]), Long.parseLong(fields[2], 16), fields[3]));
      }
      return entries;
    } catch (IOException e) {
      throw new BackendUnavailableException("cannot read " + resource + ": " + e, e);
    }
  }

  private static String noLibrary(String resource) {
    String reason =
        platform().equals(PLATFORMS)
            ? "this build has no native library: it was made with -Dnative.skip"
            : "no native library for this platform, "
                + platform()
                + ": there are libraries for "
                + PLATFORMS;
    return reason + " (resource " + resource + " is missing); the java backend runs everywhere";
  }

  private static List<Path> unpack(List<Entry> index) {
    StringBuilder key = new StringBuilder();
    for (Entry entry : index) {
      key.append(entry.hash, 0, 16);
    }
    Path directory = CacheDirectory.get().resolve("native").resolve(key.toString());
    List<Path> files = new ArrayList<>();
    for (Entry entry : index) {
      Path file = directory.resolve(entry.name);
      try {
        if (!isIntact(file, entry)) {
          unpack(entry, file);
        }
      } catch (IOException e) {
        throw new BackendUnavailableException(
            "cannot unpack "
                + entry.name
                + " ("
                + entry.bytes
                + " bytes) to "
                + file
                + ": "
                + e
                + "; set the system property "
                + CacheDirectory.PROPERTY
                + " to a writable directory with space",
            e);
      }
      files.add(file);
    }
    return files;
  }

  /**
   * Whether the file is what the jar holds: a process that died or a full disk may have left less.
   */
  private static boolean isIntact(Path file, Entry entry) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != entry.bytes) {
      return false;
    }
    // CRC-32 and not SHA-256: its loop is native from the first byte on, which start-up time feels.
    CRC32 crc = new CRC32();
    crc.update(Files.readAllBytes(file));
    return crc.getValue() == entry.crc;
  }

  /**
   * Writes a file of its own and renames it, so that other processes see the whole library or none.
   */
  private static void unpack(Entry entry, Path file) throws IOException {
    String resource = RESOURCES + platform() + "/" + entry.name;
    Files.createDirectories(file.getParent());
    Path temporary = Files.createTempFile(file.getParent(), entry.name, ".tmp");
    try {
      try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
        if (in == null) {
          throw new IOException("resource " + resource + " is missing");
        }
        Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!isIntact(temporary, entry)) {
        throw new IOException(
            temporary
                + " has "
                + Files.size(temporary)
                + " bytes, "
                + entry.bytes
                + " were written, or other content");
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }
}
