package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How much memory a process takes that runs one peer only: a child process embeds the texts and
 * tells the most that was resident at any time (VmHWM), JVM and all.
 */
final class MemoryProbe {
  /** The child's JVM flags, equal for all peers. */
  static final List<String> FLAGS = List.of("-XX:+UseSerialGC", "-Xmx256m");

  private static final String ANSWER = "VmHWM kB: ";

  private MemoryProbe() {}

  /**
   * Megabytes (2^20 bytes) at the peak.
   *
   * @param peer espalier, ort_sorted or ort_arrival
   */
  static double measure(
      String peer,
      String model,
      PeerFiles files,
      BenchTask task,
      EmbeddingSettings settings,
      Path texts,
      int threads,
      boolean spinning,
      DType dtype) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    for (String property :
        List.of("espalier.cache", "ai.djl.offline", "DJL_CACHE_DIR", "ENGINE_CACHE_DIR")) {
      if (System.getProperty(property) != null) {
        command.add("-D" + property + "=" + System.getProperty(property));
      }
    }
    command.add(MemoryProbe.class.getName());
    command.addAll(
        List.of(
            peer,
            model,
            files.onnx().toString(),
            files.tokenizerJson().toString(),
            settings.pooling().name(),
            Boolean.toString(settings.normalize()),
            Integer.toString(settings.maxLength()),
            texts.toString(),
            Integer.toString(threads),
            Boolean.toString(spinning),
            dtype.name(),
            task.label()));
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      // The classpath goes by the environment, as the launcher gave it.
      builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
      Process child = builder.start();
      String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = child.waitFor();
      int at = output.indexOf(ANSWER);
      if (status != 0 || at < 0) {
        throw new IllegalStateException(
            "the process that runs " + peer + " only failed with status " + status);
      }
      return Long.parseLong(output.substring(at + ANSWER.length()).strip()) / 1024.0;
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException("the process that runs " + peer + " only: " + e, e);
    }
  }

  /** The child. */
  public static void main(String[] args) throws IOException {
    String peer = args[0];
    EmbeddingSettings settings =
        new EmbeddingSettings(
            Pooling.valueOf(args[4]),
            Boolean.parseBoolean(args[5]),
            Integer.parseInt(args[6]),
            Map.of(),
            null);
    List<String> texts = TextFile.read(Path.of(args[7]));
    int threads = Integer.parseInt(args[8]);
    BenchTask task = BenchTask.of(args[11]);
    if (peer.equals("espalier")) {
      try (EspalierPeer ours = new EspalierPeer(args[1], task, threads, DType.valueOf(args[10]))) {
        ours.embed(texts);
      }
    } else {
      PeerFiles files = new PeerFiles(Path.of(args[2]), Path.of(args[3]), Optional.empty());
      try (HuggingFaceTokens tokens =
              new HuggingFaceTokens(files.tokenizerJson(), task, settings.maxLength());
          OrtEncoder encoder =
              new OrtEncoder(
                  files,
                  OrtReading.of(task, settings),
                  settings.maxLength(),
                  threads,
                  Boolean.parseBoolean(args[9]));
          OrtPeer ort =
              new OrtPeer(
                  peer,
                  encoder,
                  tokens,
                  peer.equals("ort_sorted") ? OrtPeer.Order.SORTED : OrtPeer.Order.ARRIVAL)) {
        ort.embed(texts);
      }
    }
    System.out.println(ANSWER + highWater());
  }

  private static long highWater() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(l -> l.startsWith("VmHWM:"))
        .map(l -> l.replaceAll("[^0-9]", ""))
        .mapToLong(Long::parseLong)
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "/proc/self/status has no VmHWM; peak memory needs Linux"));
  }
}
