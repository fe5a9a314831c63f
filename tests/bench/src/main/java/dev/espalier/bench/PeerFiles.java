package dev.espalier.bench;

import dev.espalier.ModelFormatException;
import dev.espalier.ModelNotFoundException;
import dev.espalier.model.ModelResolver;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The ONNX file and the tokenizer.json of a model, for peers that read those. Entries of a jar are
 * unpacked to a temporary folder, which {@link #close} deletes.
 *
 * @param onnx the network
 * @param tokenizerJson its tokenizer
 * @param unpacked the temporary folder, if there is one
 */
record PeerFiles(Path onnx, Path tokenizerJson, Optional<Path> unpacked) implements AutoCloseable {

  /**
   * Finds them from what names the model for Espalier as well.
   *
   * @param model a directory with an ONNX file, an ONNX file beside a tokenizer.json, a jar that
   *     holds both, or a short name; of another model the ONNX file is made ({@link Exported})
   * @throws ModelNotFoundException if there is no such model
   * @throws ModelFormatException if it has an ONNX file and no tokenizer.json
   */
  static PeerFiles of(String model) {
    Path path = path(model);
    if (!hasOnnx(path)) {
      return Exported.of(model, false);
    }
    if (Files.isDirectory(path)) {
      return new PeerFiles(
          find(path, n -> n.endsWith(".onnx")),
          find(path, n -> n.equals("tokenizer.json")),
          Optional.empty());
    }
    String name = path.getFileName().toString();
    if (name.endsWith(".jar")) {
      return unpack(path);
    }
    String stem = name.substring(0, name.length() - ".onnx".length());
    return new PeerFiles(
        path,
        find(
            path.toAbsolutePath().getParent(),
            n -> n.equals(stem + "-tokenizer.json") || n.equals("tokenizer.json")),
        Optional.empty());
  }

  /** Whether a model is, holds or lies beside its network as ONNX. */
  static boolean hasOnnx(String model) {
    return hasOnnx(path(model));
  }

  private static boolean hasOnnx(Path path) {
    try {
      if (Files.isDirectory(path)) {
        try (Stream<Path> files = Files.walk(path, 2)) {
          return files.anyMatch(f -> f.getFileName().toString().endsWith(".onnx"));
        }
      }
      if (path.getFileName().toString().endsWith(".jar")) {
        try (ZipFile zip = new ZipFile(path.toFile())) {
          return zip.stream().anyMatch(e -> e.getName().endsWith(".onnx"));
        }
      }
      return path.getFileName().toString().endsWith(".onnx");
    } catch (IOException e) {
      throw new UncheckedIOException(path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Another network for the same tokenizer.
   *
   * @param file an .onnx file or a jar with one
   * @throws ModelNotFoundException if there is no such file
   */
  static PeerFiles network(Path file, Path tokenizerJson) {
    if (!Files.isRegularFile(file)) {
      throw new ModelNotFoundException(file + ": no such file");
    }
    return file.getFileName().toString().endsWith(".jar")
        ? unpack(file)
        : new PeerFiles(file, tokenizerJson, Optional.empty());
  }

  private static Path path(String model) {
    if (Files.exists(Path.of(model))) {
      return Path.of(model);
    }
    for (ModelResolver resolver : ServiceLoader.load(ModelResolver.class)) {
      Optional<Path> file = resolver.resolve(model);
      if (file.isPresent()) {
        return file.get();
      }
    }
    throw new ModelNotFoundException(
        "\"" + model + "\": no such file or directory, and not a known short name");
  }

  private static Path find(Path folder, Predicate<String> wanted) {
    try (Stream<Path> files = Files.walk(folder, 2)) {
      return files
          .filter(p -> wanted.test(p.getFileName().toString()))
          .sorted()
          .findFirst()
          .orElseThrow(
              () ->
                  new ModelFormatException(
                      folder
                          + ": needs an .onnx file and a tokenizer.json, one of them is missing"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static PeerFiles unpack(Path jar) {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      List<? extends ZipEntry> entries = zip.stream().toList();
      Path folder = Files.createTempDirectory("espalier-bench");
      // Where the process is interrupted, nobody calls close.
      folder.toFile().deleteOnExit();
      return new PeerFiles(
          copy(zip, entry(jar, entries, ".onnx"), folder.resolve("model.onnx")),
          copy(zip, entry(jar, entries, "tokenizer.json"), folder.resolve("tokenizer.json")),
          Optional.of(folder));
    } catch (IOException e) {
      throw new UncheckedIOException(jar + ": " + e.getMessage(), e);
    }
  }

  private static ZipEntry entry(Path jar, List<? extends ZipEntry> entries, String suffix) {
    return entries.stream()
        .filter(e -> e.getName().endsWith(suffix))
        .findFirst()
        .orElseThrow(() -> new ModelFormatException(jar + ": has no entry that ends in " + suffix));
  }

  private static Path copy(ZipFile zip, ZipEntry entry, Path to) throws IOException {
    try (InputStream in = zip.getInputStream(entry)) {
      to.toFile().deleteOnExit();
      Files.copy(in, to);
    }
    return to;
  }

  @Override
  public void close() {
    if (unpacked.isEmpty()) {
      return;
    }
    try {
      Files.deleteIfExists(onnx);
      Files.deleteIfExists(tokenizerJson);
      Files.deleteIfExists(unpacked.get());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
