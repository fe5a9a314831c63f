package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The stream form: order, bounds, errors. */
@Timeout(30)
class BatchStreamTest {
  private static final BatchOptions SMALL =
      BatchOptions.DEFAULT.withPasses(1).withBatchTokens(12).withQueueTokens(30);

  @TempDir Path directory;
  private Model model;
  private EchoPipeline echo;

  @BeforeEach
  void load() throws IOException {
    Path files = TinyModel.write(directory.resolve("m"), TinyModel.CONFIG, t -> t);
    model = Model.load(files.toString(), ModelOptions.DEFAULT.withBackend("java"));
    echo = new EchoPipeline(model);
  }

  @AfterEach
  void close() {
    echo.go();
    model.close();
  }

  private static Stream<String> numbers(int count) {
    return IntStream.range(0, count).mapToObj(i -> Integer.toString(i % 1000));
  }

  @Test
  void answersComeInTheOrderOfTheItems() {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL.withPasses(0));
        Stream<BatchResult<String, String>> results = runner.stream(numbers(5000))) {
      AtomicInteger count = new AtomicInteger();
      results.forEach(
          r -> {
            assertEquals(count.getAndIncrement(), r.index());
            assertEquals(Long.toString(r.index() % 1000), r.item());
            assertEquals(r.item(), r.orElseThrow());
          });
      assertEquals(5000, count.get());
    }
  }

  @Test
  void orAsTheyAreReady() throws Exception {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL)) {
      echo.hold();
      Stream<String> items = Stream.of("1", "2", "bad");
      Iterator<BatchResult<String, String>> results =
          runner.stream(items, BatchRunner.Order.AS_READY).iterator();
      BatchResult<String, String> first = results.next();
      assertEquals(2, first.index(), "what fails at once is ready first");
      assertTrue(first.failed());
      echo.go();
      Set<Long> left = new TreeSet<>();
      results.forEachRemaining(r -> left.add(r.index()));
      assertEquals(Set.of(0L, 1L), left);
    }
  }

  @Test
  void nothingIsReadFurtherAheadThanTheWindow() {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL)) {
      AtomicInteger read = new AtomicInteger();
      Stream<String> endless =
          Stream.generate(() -> Integer.toString(read.getAndIncrement() % 1000));
      Stream<BatchResult<String, String>> results = runner.stream(endless);
      assertEquals(0, read.get());
      Iterator<BatchResult<String, String>> iterator = results.iterator();
      for (int i = 0; i < 1000; i++) {
        assertEquals(Integer.toString(i), iterator.next().orElseThrow());
        // 30 tokens are ten items; one more is at the door or was given just now.
        assertTrue(read.get() <= i + 12, "read " + read.get() + " at " + i);
      }
      results.close();
    }
  }

  @Test
  void errorsStayInTheirResults() {
    List<String> items = List.of("1", "bad", "2", "poison", "3", "", "a|poison", "4");
    try (BatchRunner<String, String> runner =
            new BatchRunner<>(echo, SMALL.withWhenFull(BatchOptions.WhenFull.REJECT));
        Stream<BatchResult<String, String>> results = runner.stream(items.stream())) {
      List<BatchResult<String, String>> all = results.toList();
      assertEquals(items, all.stream().map(BatchResult::item).toList());
      for (BatchResult<String, String> r : all) {
        boolean bad = r.item().contains("bad") || r.item().contains("poison");
        assertEquals(bad, r.failed(), r.item());
        if (bad) {
          assertThrows(InvalidInputException.class, r::orElseThrow);
        } else {
          assertEquals(r.item(), r.orElseThrow());
        }
      }
    }
  }

  @Test
  void itemsThatFailAtOnceAreBoundedToo() {
    AtomicInteger read = new AtomicInteger();
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL);
        Stream<BatchResult<String, String>> results =
            runner.stream(Stream.generate(() -> "bad" + read.getAndIncrement()))) {
      assertTrue(results.iterator().next().failed());
      assertTrue(read.get() <= 31, "read " + read.get());
    }
  }

  @Test
  void closingItCancelsWhatIsUnderWayAndClosesTheSource() throws Exception {
    AtomicBoolean closed = new AtomicBoolean();
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL)) {
      echo.hold();
      Stream<String> items = Stream.concat(Stream.of("bad"), numbers(100));
      Stream<BatchResult<String, String>> results =
          runner.stream(items.onClose(() -> closed.set(true)), BatchRunner.Order.AS_READY);
      assertTrue(results.iterator().next().failed());
      echo.awaitPasses(1);
      assertTrue(runner.queuedItems() > 0);
      results.close();
      assertEquals(0, runner.queuedItems());
      assertTrue(closed.get());
      echo.go();
      assertEquals("a", runner.answer("a"));
    }
  }

  @Test
  void whatTheSourceThrowsReachesTheReader() {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL)) {
      Stream<String> items =
          numbers(10)
              .peek(
                  i -> {
                    if (i.equals("5")) {
                      throw new IllegalArgumentException("source");
                    }
                  });
      assertThrows(IllegalArgumentException.class, () -> runner.stream(items).count());
      assertEquals(0, runner.stream(Stream.of()).count());
      assertEquals("a", runner.answer("a"));
    }
  }

  @Test
  void aClosedRunnerEndsIt() {
    BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL);
    Iterator<BatchResult<String, String>> results = runner.stream(numbers(1000)).iterator();
    assertEquals("0", results.next().orElseThrow());
    runner.close();
    assertThrows(IllegalStateException.class, () -> results.forEachRemaining(r -> {}));
  }

  @Test
  void anInterruptedReaderStops() throws Exception {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL)) {
      echo.hold();
      CompletableFuture<Throwable> thrown = new CompletableFuture<>();
      Thread reader =
          new Thread(
              () -> {
                try (Stream<BatchResult<String, String>> results = runner.stream(numbers(9))) {
                  results.forEach(r -> {});
                } catch (RuntimeException e) {
                  thrown.complete(e);
                }
              });
      reader.start();
      echo.awaitPasses(1);
      reader.interrupt();
      assertInstanceOf(CancellationException.class, thrown.join());
      echo.go();
    }
  }

  @Test
  void severalStreamsShareARunner() {
    try (BatchRunner<String, String> runner = new BatchRunner<>(echo, SMALL.withPasses(0))) {
      List<CompletableFuture<Long>> readers =
          IntStream.range(0, 8)
              .mapToObj(
                  n ->
                      CompletableFuture.supplyAsync(
                          () ->
                              runner.stream(numbers(300))
                                  .filter(r -> r.item().equals(r.orElseThrow()))
                                  .count()))
              .toList();
      readers.forEach(r -> assertEquals(300, r.join()));
    }
  }
}
