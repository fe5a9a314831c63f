package dev.espalier.bench;

import dev.espalier.EspalierException;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * A network that has no ONNX file, written as one from the weights that Espalier reads; {@code
 * peers/export} does it, in its optional Python environment. Kept, and made anew where the model's
 * file, its size or its date is another.
 */
final class Exported {
  private static final String FOLDER = "espalier.bench.exported";
  private static final String SCRIPT = "espalier.bench.export";

  private Exported() {}

  /**
   * @param model anything that Espalier opens
   * @param int8 whether ONNX Runtime's {@code quantize_dynamic} makes it smaller
   * @throws EspalierException if there is no such model, or it cannot be exported
   */
  static PeerFiles of(String model, boolean int8) {
    Path folder = Path.of(System.getProperty(FOLDER, "tests/bench/target/exported"));
    try (ModelSource source = Models.open(model)) {
      Files.createDirectories(folder);
      String key = key(source);
      Path huggingFace = folder.resolve(key);
      if (!Files.exists(huggingFace)) {
        ModelWriter.write(source, huggingFace);
      }
      Path out = folder.resolve(key + (int8 ? "-onnx-int8" : "-onnx"));
      if (!Files.exists(out)) {
        export(model, huggingFace, out, int8);
      }
      return new PeerFiles(
          out.resolve("model.onnx"), out.resolve("tokenizer.json"), Optional.empty());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void export(String model, Path huggingFace, Path out, boolean int8) {
    Report.progress("exporting " + model + " to ONNX" + (int8 ? " in int8" : ""));
    List<String> command = new ArrayList<>();
    command.add(System.getProperty(SCRIPT, "tests/bench/peers/export"));
    if (int8) {
      command.add("--int8");
    }
    command.addAll(List.of(huggingFace.toString(), out.toString()));
    try {
      int status = new ProcessBuilder(command).inheritIO().start().waitFor();
      if (status != 0) {
        throw new EspalierException(
            model + ": has no ONNX file, and exporting one failed with status " + status);
      }
    } catch (IOException e) {
      throw new EspalierException(command.get(0) + " cannot be run: " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EspalierException("interrupted while exporting " + model, e);
    }
  }

  private static String key(ModelSource source) throws IOException {
    Path file = Path.of(source.location());
    String text =
        file.toAbsolutePath()
            + " "
            + Files.size(file)
            + " "
            + Files.getLastModifiedTime(file)
            + " "
            + source.weightBytes();
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
