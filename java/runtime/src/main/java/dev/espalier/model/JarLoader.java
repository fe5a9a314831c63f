package dev.espalier.model;

import dev.espalier.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
 * Opens the ONNX model inside a jar: the model and its tokenizer are unpacked into the cache once.
 */
final class JarLoader {
  /** What Protocol Buffers can hold. */
  private static final long MAX_ENTRY_BYTES = Integer.MAX_VALUE;

  private JarLoader() {}

  static ModelSource open(
      String name, Path jar, Optional<EmbeddingSettings> settings, OpenOptions options) {
    Path directory = unpacked(jar);
    return OnnxLoader.open(
        name, directory.resolve("model.onnx"), jar.toString(), settings, options);
  }

  private static Path unpacked(Path jar) {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      Map<String, ZipEntry> files = new LinkedHashMap<>();
      files.put("model.onnx", only(jar, zip, ".onnx"));
      ZipEntry tokenizer = only(jar, zip, "tokenizer.json");
      if (files.get("model.onnx") == null) {
        throw new ModelFormatException(jar + ": holds no .onnx file");
      }
      if (tokenizer != null) {
        files.put("tokenizer.json", tokenizer);
      }
      String stem = jar.getFileName().toString().replaceFirst("\\.[^.]*$", "");
      return ModelCache.unpack(jar, zip, stem + "-" + key(files), files);
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
  private static String key(Map<String, ZipEntry> files) {
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
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
