package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

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

  /**
   * Addresses of a batch's arrays where the backend reads them, int32 each, and of its head masks,
   * fp32 [layers, sequences, maskHeads].
   */
  record BatchAddresses(
      long ids, long types, long positions, long offsets, long masks, int maskHeads) {
    /**
     * @param address of the batch's memory
     */
    static BatchAddresses at(long address, long masks, PackedBatch batch) {
      long tokens = batch.tokens();
      return new BatchAddresses(
          address,
          address + 4 * tokens,
          address + 8 * tokens,
          address + 12 * tokens,
          masks,
          HeadFactors.heads(batch));
    }

    /** The factors of one layer, [sequences, maskHeads]; 0 if there are none. */
    long headMask(int layer, int sequences) {
      return maskHeads == 0 ? 0 : masks + 4L * layer * sequences * maskHeads;
    }
  }

  private final NativeBackend backend;
  private final WorkspacePlan plan;
  private final long elementBytes;
  private final NativeHandle lane;
  private final NativeHandle arena;
  private NativeHandle batchMemory;
  private NativeHandle batchStaging;
  private NativeHandle staging;
  private long batchCapacity;
  private long stagingCapacity;
  private PackedBatch batch;
  private BatchAddresses addresses;
  private int next;

  NativeWorkspace(NativeBackend backend, WorkspacePlan plan) {
    this.backend = backend;
    this.plan = plan;
    this.elementBytes = backend.elements().bytes();
    this.lane = backend.lane();
    try {
      WorkspacePlan.Scratch scratch = plan.scratch();
      check(
          Espalier.esp_lane_reserve(
              lane.address(), scratch.rows(), scratch.codes(), scratch.intermediate()));
      this.arena = backend.allocate("workspace", elementBytes * Math.max(1, plan.elements()));
    } catch (RuntimeException | Error e) {
      lane.close();
      throw e;
    }
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

  /**
   * The batch where the backend reads it: its own memory if the backend shares that, else a copy
   * that is made when the batch is first seen. Head masks are always copied.
   */
  BatchAddresses upload(PackedBatch b) {
    b.requireOpen(); // also one that is known here: its memory may be another's by now
    if (b != batch) {
      batch = null;
      IntBuffer values = b.memory();
      float[] factors = HeadFactors.of(b);
      boolean shared = backend.sharesMemory();
      long copied = shared ? 0 : 4L * values.capacity();
      long bytes = copied + 4L * factors.length;
      if (bytes > batchCapacity) {
        reserveBatch(2 * bytes);
      }
      if (bytes > 0) {
        settle();
      }
      if (factors.length > 0) {
        NativeMemory.write(batchStaging.address() + copied, factors, 0, factors.length);
      }
      long masks = bytes == 0 ? 0 : batchMemory.address() + copied;
      if (shared) {
        addresses = BatchAddresses.at(NativeMemory.address(values), masks, b);
      } else {
        NativeMemory.view(batchStaging.address(), (int) copied)
            .order(ByteOrder.nativeOrder())
            .asIntBuffer()
            .put(values);
        check(
            Espalier.esp_write(
                lane.address(), batchMemory.address(), batchStaging.address(), bytes));
        addresses = BatchAddresses.at(batchMemory.address(), masks, b);
      }
      batch = b; // and keeps its memory
    }
    return addresses;
  }

  private void reserveBatch(long bytes) {
    closeBatch();
    batchMemory = backend.allocate("batch", bytes);
    batchStaging = backend.sharesMemory() ? batchMemory : backend.allocateHost("batch", bytes);
    batchCapacity = bytes;
  }

  private void closeBatch() {
    batchCapacity = 0;
    if (batchStaging != null) {
      batchStaging.close();
    }
    if (batchMemory != null) {
      batchMemory.close();
    }
  }

  /**
   * Waits for copies that may still read host memory. What else went wrong on the lane belongs to a
   * pass whose results nobody read.
   */
  private void settle() {
    int status = Espalier.esp_synchronize(lane.address());
    if (status != Espalier.ESP_INVALID_ARGUMENT) {
      check(status);
    }
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
    settle();
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
    return elementBytes * plan.elements() + batchCapacity;
  }

  @Override
  public void close() {
    // Whatever the lane still does must not meet memory that is gone.
    lane.close();
    arena.close();
    closeBatch();
    if (staging != null) {
      staging.close();
    }
  }
}
