package dev.espalier.parity;

import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process that loads and closes a model again and again and prints its resident memory in KiB
 * after the first tenth and at the end. Its own process, with a heap of fixed size: what grows is
 * native memory.
 */
final class LoadCloseProbe {
  private LoadCloseProbe() {}

  /** Arguments: directory, backend, cycles. */
  public static void main(String[] args) throws IOException {
    int cycles = Integer.parseInt(args[2]);
    ModelOptions options =
        ModelOptions.DEFAULT.withBackend(args[1]).withThreads(2).withBatchTokens(256);
    long early = 0;
    for (int i = 0; i < cycles; i++) {
      if (i == cycles / 10) {
        early = residentKib();
      }
      try (ModelSource source = Models.open(args[0]);
          Model model = Model.load(source, options)) {
        if (model.weightBytes() <= 0) {
          throw new IllegalStateException("no weights");
        }
      }
    }
    System.out.println(early + " " + residentKib());
  }

  static long residentKib() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(l -> l.startsWith("VmRSS:"))
        .mapToLong(l -> Long.parseLong(l.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow();
  }
}
