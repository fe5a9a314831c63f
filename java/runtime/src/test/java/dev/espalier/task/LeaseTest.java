package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.model.TinyModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Closing frees once; forgetting to close is found and said. */
@Timeout(60)
class LeaseTest {
  @TempDir Path directory;
  private final PrintStream err = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  @BeforeEach
  void listen() {
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void restore() {
    System.setErr(err);
  }

  private String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  private static void collectUntil(BooleanSupplier found) throws InterruptedException {
    while (!found.getAsBoolean()) {
      System.gc();
      Thread.sleep(5);
    }
  }

  private Model load() throws IOException {
    Path files = TinyModel.write(directory.resolve("m"), TinyModel.CONFIG, t -> t);
    return Model.load(files.toString(), ModelOptions.DEFAULT.withBackend("java"));
  }

  private void loadAndForget() throws IOException {
    load();
  }

  @Test
  void aForgottenModelIsReportedWithWhereItWasLoaded() throws Exception {
    loadAndForget();
    collectUntil(() -> log().contains("loadAndForget"));
    assertTrue(log().contains("model " + directory.resolve("m") + " was never closed"), log());
    assertTrue(log().contains("LeaseTest.java"), log());
  }

  @Test
  void aClosedModelIsNot() throws Exception {
    load().close();
    AtomicInteger freed = new AtomicInteger();
    new Lease("a lease", freed::incrementAndGet);
    // Found after the model, whose turn came no later.
    collectUntil(() -> freed.get() == 1);
    assertFalse(log().contains("model"), log());
    assertTrue(log().contains("a lease was never closed"), log());
  }

  @Test
  void aUseKeepsItOpen() throws Exception {
    AtomicInteger freed = new AtomicInteger();
    Lease.Use use = new Lease("a lease", freed::incrementAndGet).use();
    for (int i = 0; i < 5; i++) {
      System.gc();
      Thread.sleep(5);
    }
    assertEquals(0, freed.get());
    Reference.reachabilityFence(use);
    use.close();
    use = null;
    collectUntil(() -> freed.get() == 1);
  }

  @Test
  void closingFreesOnceAndAfterTheLastUse() {
    AtomicInteger freed = new AtomicInteger();
    Lease lease = new Lease("a lease", freed::incrementAndGet);
    Lease.Use first = lease.use();
    Lease.Use second = lease.use();
    first.close();
    lease.close();
    assertEquals(0, freed.get());
    assertEquals(
        "a lease is closed", assertThrows(IllegalStateException.class, lease::use).getMessage());
    second.close();
    assertEquals(1, freed.get());
    lease.close();
    assertEquals(1, freed.get());
    assertEquals("", log());
  }
}
