package dev.espalier.micrometer;

import dev.espalier.task.BatchListener;
import dev.espalier.task.BatchRunner;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * A batch runner's metrics in a Micrometer registry. Give it to {@link
 * dev.espalier.task.BatchOptions#withListener}, then the runner to {@link #watch}. Thread-safe.
 *
 * <table>
 * <caption>Meters</caption>
 * <tr><th>name</th><th>kind</th><th>what</th></tr>
 * <tr><td>espalier.batch.items</td><td>timer, tag {@code end}</td><td>items by how they ended, from
 * their submission to then</td></tr>
 * <tr><td>espalier.batch.item.tokens</td><td>summary</td><td>tokens of an item that joined the
 * queue</td></tr>
 * <tr><td>espalier.batch.pass</td><td>timer, tag {@code model}</td><td>forward passes</td></tr>
 * <tr><td>espalier.batch.pass.tokens</td><td>summary, tag {@code model}</td><td>tokens of a
 * pass</td></tr>
 * <tr><td>espalier.batch.pass.sequences</td><td>summary, tag {@code model}</td><td>sequences of a
 * pass</td></tr>
 * <tr><td>espalier.batch.queue.items</td><td>gauge</td><td>items that wait for a pass</td></tr>
 * </table>
 */
public final class BatchMetrics implements BatchListener {
  private static final String PREFIX = "espalier.batch.";

  private final MeterRegistry registry;
  private final Tags tags;
  private final DistributionSummary itemTokens;
  private final Map<End, Timer> items = new EnumMap<>(End.class);

  /** Meters without further tags. */
  public BatchMetrics(MeterRegistry registry) {
    this(registry, Tags.empty());
  }

  /**
   * @param tags of every meter, such as the name of a runner where there are several
   */
  public BatchMetrics(MeterRegistry registry, Iterable<Tag> tags) {
    this.registry = Objects.requireNonNull(registry, "registry");
    this.tags = Tags.of(tags);
    this.itemTokens = summary("item.tokens", "tokens", this.tags);
    for (End end : End.values()) {
      items.put(
          end,
          registry.timer(
              PREFIX + "items", this.tags.and("end", end.name().toLowerCase(Locale.ROOT))));
    }
  }

  /** Shows how many items of a runner wait; keeps no runner alive. */
  public void watch(BatchRunner<?, ?> runner) {
    Gauge.builder(PREFIX + "queue.items", runner, BatchRunner::queuedItems)
        .tags(tags)
        .register(registry);
  }

  private DistributionSummary summary(String name, String unit, Tags all) {
    return DistributionSummary.builder(PREFIX + name).baseUnit(unit).tags(all).register(registry);
  }

  @Override
  public void onSubmit(long tokens) {
    itemTokens.record(tokens);
  }

  @Override
  public void onPass(String model, int sequences, int tokens, long nanos) {
    Tags all = tags.and("model", model);
    registry.timer(PREFIX + "pass", all).record(nanos, TimeUnit.NANOSECONDS);
    summary("pass.tokens", "tokens", all).record(tokens);
    summary("pass.sequences", "sequences", all).record(sequences);
  }

  @Override
  public void onEnd(End end, long nanos) {
    items.get(end).record(nanos, TimeUnit.NANOSECONDS);
  }
}
