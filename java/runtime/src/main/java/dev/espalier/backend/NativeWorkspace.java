package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.bindings.Espalier;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;

/** A lane with a planned arena in the backend's memory, and the batch that is under way. */
final class NativeWorkspace implements Workspace {
  /** A matrix at an address; {@code offset} and {@code pitch} are in elements. */
  record NativeTensor(NativeWorkspace workspace, long offset, int rows, int columns, int pitch)
      implements Tensor {
    /**
     * @throws IllegalStateException if its workspace is closed
     */
    long address() {
      return workspace.arena.address() + workspace.elementBytes * offset;
    }

    /** The address of a row. */
    long address(int row) {
      return address() + workspace.elementBytes * row * pitch;
    }

    long lane() {
      return workspace.lane.address();
    }
  }

  private final NativeBackend backend;
  private final WorkspacePlan plan;
  private final long elementBytes;
  private final NativeHandle lane;
  private final NativeHandle arena;
  private final UploadedBatch batch;
  private NativeHandle staging;
  private long stagingCapacity;
  private int next;

  NativeWorkspace(NativeBackend backend, WorkspacePlan plan) {
    this.backend = backend;
    this.plan = plan;
    this.elementBytes = backend.elements().bytes();
    this.lane = backend.lane();
    this.batch = new UploadedBatch(backend, lane);
    try {
      if (backend.graphs() > 0) {
        check(Espalier.esp_lane_graphs(lane.address(), backend.graphs()));
      }
      reserve(plan.scratch());
      batch.reserve(plan.rows());
      long elements = plan.elements() + (backend.graphs() > 0 ? graphTail(plan) : 0);
      this.arena = backend.allocate("workspace", elementBytes * Math.max(1, elements));
    } catch (RuntimeException | Error e) {
      lane.close();
      batch.close();
      throw e;
    }
  }

  /** Takes what ops need beside their tensors; for the extents of graphs, where there are any. */
  private void reserve(WorkspacePlan.Scratch scratch) {
    long rows = Math.max(1, plan.rows());
    long most = backend.graphs() > 0 ? Espalier.esp_graph_rows(rows) : rows;
    check(
        Espalier.esp_lane_reserve(
            lane.address(),
            scratch.rows() == 0 ? 0 : most,
            (scratch.codes() * most + rows - 1) / rows,
            (scratch.intermediate() * most + rows - 1) / rows));
  }

  /** Elements behind the last tensor which a graph that was made for more rows may read. */
  private static long graphTail(WorkspacePlan plan) {
    return plan.slots().stream()
        .mapToLong(s -> (Espalier.esp_graph_rows(s.rows()) - s.rows()) * s.pitch())
        .max()
        .orElse(0);
  }

  @Override
  public void reset() {
    next = 0;
  }

  @Override
  public Tensor allocate(int rows, int columns) {
    if (next == plan.slots().size()) {
      throw new IllegalStateException(
          "the pass asks for more than the "
              + next
              + " temporaries that were planned; was reset() forgotten?");
    }
    WorkspacePlan.Slot slot = plan.slots().get(next++);
    if (rows > slot.rows() || columns != slot.columns()) {
      throw new IllegalStateException(
          "temporary "
              + (next - 1)
              + " is ["
              + rows
              + ", "
              + columns
              + "], planned was at most ["
              + slot.rows()
              + ", "
              + slot.columns()
              + "]");
    }
    return new NativeTensor(this, slot.offset(), rows, columns, slot.pitch());
  }

  /** The batch where the backend reads it. */
  UploadedBatch.Addresses upload(PackedBatch b) {
    return batch.of(b);
  }

  /** The address of {@code bytes} of host memory to read into. */
  long staging(long bytes) {
    if (staging == null || bytes > stagingCapacity) {
      stagingCapacity = 0;
      if (staging != null) {
        staging.close();
      }
      staging = backend.allocateHost("staging", bytes);
      stagingCapacity = bytes;
    }
    return staging.address();
  }

  /** The same, to write from: no copy still reads it. */
  long settledStaging(long bytes) {
    long address = staging(bytes);
    UploadedBatch.settle(lane);
    return address;
  }

  @Override
  public void tag(int op) {
    if (!backend.sharesMemory()) {
      check(Espalier.esp_lane_tag(lane.address(), op));
    }
  }

  @Override
  public long bytes() {
    return elementBytes * plan.elements() + batch.bytes();
  }

  @Override
  public void close() {
    // Whatever the lane still does must not meet memory that is gone.
    lane.close();
    arena.close();
    batch.close();
    if (staging != null) {
      staging.close();
    }
  }
}
