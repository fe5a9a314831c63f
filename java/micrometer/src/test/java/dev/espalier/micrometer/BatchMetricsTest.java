package dev.espalier.micrometer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.model.Pooling;
import dev.espalier.task.BatchOptions;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.EmbedOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real runner leaves in a registry. */
class BatchMetricsTest {
  private static final String FIXTURE = "014-sequenceclassification-h32x2-l1-relu-f32-position-ids";

  @TempDir Path directory;

  private Model model() throws IOException {
    Path golden = Path.of(System.getProperty("espalier.root"), "tests/golden/models", FIXTURE);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(golden)) {
      for (Path file : files) {
        Files.copy(file, directory.resolve(file.getFileName()));
      }
    }
    Files.write(
        directory.resolve("vocab.txt"), List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"));
    return Model.load(directory.toString(), ModelOptions.DEFAULT.withBackend("java"));
  }

  @Test
  void countsItemsPassesAndTokens() throws IOException {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    BatchMetrics metrics = new BatchMetrics(registry, Tags.of("runner", "texts"));
    try (Model model = model()) {
      TextEmbedder embedder =
          new TextEmbedder(model, EmbedOptions.DEFAULT.withPooling(Pooling.MEAN));
      try (BatchRunner<String, float[]> runner =
          new BatchRunner<>(embedder, BatchOptions.DEFAULT.withListener(metrics))) {
        metrics.watch(runner);
        assertEquals(5, runner.stream(Stream.of("a", "a a", "a", "a a a", "a")).count());
        assertThrows(InvalidInputException.class, () -> runner.answer(null));
        assertEquals(0, registry.get("espalier.batch.queue.items").gauge().value());
      }
      Timer answered =
          registry.get("espalier.batch.items").tags("runner", "texts", "end", "answered").timer();
      assertEquals(5, answered.count());
      assertTrue(answered.totalTime(TimeUnit.NANOSECONDS) > 0);
      assertEquals(1, registry.get("espalier.batch.items").tags("end", "failed").timer().count());
      assertEquals(
          0, registry.get("espalier.batch.items").tags("end", "cancelled").timer().count());
      assertEquals(18, registry.get("espalier.batch.item.tokens").summary().totalAmount());
      DistributionSummary tokens =
          registry.get("espalier.batch.pass.tokens").tags("model", model.name()).summary();
      assertEquals(18, tokens.totalAmount());
      assertEquals(tokens.count(), registry.get("espalier.batch.pass").timer().count());
      assertEquals(5, registry.get("espalier.batch.pass.sequences").summary().totalAmount());
    }
  }
}
