package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.PackedBatch;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * The batch that is under way on a lane, where its backend reads it: the batch's own memory if the
 * backend shares that, else a copy that is made, in one piece, when the batch is first seen. Head
 * masks are always copied.
 *
 * <p>Where arrays lie in a copy depends on {@link Espalier#esp_graph_rows} of the batch's tokens
 * only, so that all batches that one CUDA graph may serve are found at the same addresses.
 */
final class UploadedBatch implements AutoCloseable {
  /**
   * Addresses of a batch's arrays, int32 each, and of its head masks, fp32 [layers, sequences,
   * maskHeads].
   */
  record Addresses(long ids, long types, long positions, long offsets, long masks, int maskHeads) {
    /**
     * @param pitch ints from array to array
     */
    static Addresses at(long address, long pitch, long masks, PackedBatch batch) {
      return new Addresses(
          address,
          address + 4 * pitch,
          address + 8 * pitch,
          address + 12 * pitch,
          masks,
          HeadFactors.heads(batch));
    }

    /** The factors of one layer, [sequences, maskHeads]; 0 if there are none. */
    long headMask(int layer, int sequences) {
      return maskHeads == 0 ? 0 : masks + 4L * layer * sequences * maskHeads;
    }
  }

  private final NativeBackend backend;
  private final NativeHandle lane;
  private NativeHandle memory;
  private NativeHandle staging;
  private long capacity;
  private PackedBatch batch;
  private Addresses addresses;

  UploadedBatch(NativeBackend backend, NativeHandle lane) {
    this.backend = backend;
    this.lane = lane;
  }

  /** The memory of batches of up to this many tokens, without head masks, taken now. */
  void reserve(int tokens) {
    if (!backend.sharesMemory()) {
      grow(bytes(Espalier.esp_graph_rows(tokens)));
    }
  }

  /** Three arrays of the tokens, and the offsets: never more of those than tokens and one. */
  private static long bytes(long pitch) {
    return 4 * (4 * pitch + 4);
  }

  /** Where the batch is. */
  Addresses of(PackedBatch b) {
    b.requireOpen(); // also one that is known here: its memory may be another's by now
    if (b != batch) {
      batch = null;
      addresses = backend.sharesMemory() ? share(b) : copy(b);
      batch = b; // and keeps its memory
    }
    return addresses;
  }

  private Addresses share(PackedBatch b) {
    float[] factors = HeadFactors.of(b);
    if (factors.length > 0) {
      grow(4L * factors.length);
      NativeMemory.write(memory.address(), factors, 0, factors.length);
    }
    long masks = factors.length == 0 ? 0 : memory.address();
    return Addresses.at(NativeMemory.address(b.memory()), b.tokens(), masks, b);
  }

  private Addresses copy(PackedBatch b) {
    float[] factors = HeadFactors.of(b);
    int pitch = Math.toIntExact(Espalier.esp_graph_rows(b.tokens()));
    long copied = bytes(pitch);
    long bytes = copied + 4L * factors.length;
    grow(bytes);
    settle(lane);
    IntBuffer from = b.memory();
    IntBuffer to =
        NativeMemory.view(staging.address(), Math.toIntExact(copied))
            .order(ByteOrder.nativeOrder())
            .asIntBuffer();
    for (int array = 0; array < 3; array++) {
      to.put(array * pitch, from, array * b.tokens(), b.tokens());
    }
    to.put(3 * pitch, from, 3 * b.tokens(), b.sequences() + 1);
    if (factors.length > 0) {
      NativeMemory.write(staging.address() + copied, factors, 0, factors.length);
    }
    check(Espalier.esp_write(lane.address(), memory.address(), staging.address(), bytes));
    return Addresses.at(memory.address(), pitch, memory.address() + copied, b);
  }

  private void grow(long bytes) {
    if (bytes > capacity) {
      close();
      memory = backend.allocate("batch", bytes);
      staging = backend.sharesMemory() ? memory : backend.allocateHost("batch", bytes);
      capacity = bytes;
    }
  }

  /**
   * Waits for copies that may still read host memory. What else went wrong on the lane belongs to a
   * pass whose results nobody read.
   */
  static void settle(NativeHandle lane) {
    int status = Espalier.esp_synchronize(lane.address());
    if (status != Espalier.ESP_INVALID_ARGUMENT) {
      check(status);
    }
  }

  /** Bytes held. */
  long bytes() {
    return capacity;
  }

  @Override
  public void close() {
    capacity = 0;
    if (staging != null) {
      staging.close();
    }
    if (memory != null) {
      memory.close();
    }
  }
}
