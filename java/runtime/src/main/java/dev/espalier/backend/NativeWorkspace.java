package dev.espalier.backend;

import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;

/** A planned arena in native memory, and a place for the batch that is under way. */
final class NativeWorkspace implements Workspace {
  /** A matrix at an address; {@code pitch} is in elements. */
  record NativeTensor(NativeWorkspace workspace, long offset, int rows, int columns, int pitch)
      implements Tensor {
    /**
     * @throws IllegalStateException if its workspace is closed
     */
    long address() {
      return workspace.arena.address() + 4 * offset;
    }
  }

  /**
   * Addresses of a batch's arrays, int32 each, and of its head masks, fp32 [layers, sequences,
   * maskHeads], 0 if it has none.
   */
  record BatchAddresses(
      long ids, long types, long positions, long offsets, long masks, int maskHeads) {
    /** The factors of one layer, [sequences, maskHeads]; 0 if there are none. */
    long headMask(int layer, int sequences) {
      return masks == 0 ? 0 : masks + 4L * layer * sequences * maskHeads;
    }
  }

  private final CpuBackend backend;
  private final WorkspacePlan plan;
  private final NativeHandle arena;
  private NativeHandle batchMemory;
  private long batchCapacity;
  private PackedBatch batch;
  private BatchAddresses addresses;
  private int next;

  NativeWorkspace(CpuBackend backend, WorkspacePlan plan) {
    this.backend = backend;
    this.plan = plan;
    this.arena = backend.allocate("workspace", 4 * Math.max(1, plan.elements()));
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

  /** The batch in native memory, copied there when it is first seen. */
  BatchAddresses upload(PackedBatch b) {
    if (b != batch) {
      long tokens = b.tokens();
      float[] factors = HeadFactors.of(b);
      long needed = 4 * (3 * tokens + b.sequences() + 1 + factors.length);
      if (needed > batchCapacity) {
        if (batchMemory != null) {
          batchMemory.close();
          batchMemory = null;
          batchCapacity = 0;
        }
        batchMemory = backend.allocate("batch", 2 * needed);
        batchCapacity = 2 * needed;
      }
      long at = batchMemory.address();
      long masksAt = at + 4 * (3 * tokens + b.sequences() + 1);
      BatchAddresses a =
          new BatchAddresses(
              at,
              at + 4 * tokens,
              at + 8 * tokens,
              at + 12 * tokens,
              factors.length == 0 ? 0 : masksAt,
              HeadFactors.heads(b));
      b.read(
          (ids, types, positions, offsets) -> {
            NativeMemory.write(a.ids(), ids, 0, ids.length);
            NativeMemory.write(a.types(), types, 0, types.length);
            NativeMemory.write(a.positions(), positions, 0, positions.length);
            NativeMemory.write(a.offsets(), offsets, 0, offsets.length);
          });
      NativeMemory.write(masksAt, factors, 0, factors.length);
      batch = b;
      addresses = a;
    }
    return addresses;
  }

  @Override
  public long bytes() {
    return 4 * plan.elements() + batchCapacity;
  }

  @Override
  public void close() {
    arena.close();
    if (batchMemory != null) {
      batchMemory.close();
    }
  }
}
