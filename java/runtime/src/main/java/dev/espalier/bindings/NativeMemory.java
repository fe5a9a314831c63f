package dev.espalier.bindings;

import java.nio.Buffer;
import java.nio.ByteBuffer;

/**
 * Moves values between Java arrays and native addresses, such as those that {@link
 * Espalier#esp_alloc} gives.
 *
 * <p>Array ranges are checked ({@link ArrayIndexOutOfBoundsException}), addresses are trusted: they
 * must point to enough memory, in the machine's byte order. {@link NativeLibrary#load()} must have
 * succeeded before the first call. Safe from several threads at once as far as the memory itself
 * is.
 */
public final class NativeMemory {
  private NativeMemory() {}

  /** Copies {@code source[offset .. offset+count-1]} to {@code address}. */
  public static native void write(long address, float[] source, int offset, int count);

  /** Copies {@code source[offset .. offset+count-1]} to {@code address}. */
  public static native void write(long address, int[] source, int offset, int count);

  /** Copies {@code source[offset .. offset+count-1]} to {@code address}. */
  public static native void write(long address, byte[] source, int offset, int count);

  /** Copies {@code count} floats at {@code address} to {@code target[offset ..]}. */
  public static native void read(long address, float[] target, int offset, int count);

  /** Copies {@code count} ints at {@code address} to {@code target[offset ..]}. */
  public static native void read(long address, int[] target, int offset, int count);

  /** Copies {@code count} bytes at {@code address} to {@code target[offset ..]}. */
  public static native void read(long address, byte[] target, int offset, int count);

  /**
   * A direct buffer over {@code bytes} bytes at {@code address}: big-endian until its order is set,
   * as all new buffers are, and dangling once the memory is freed.
   */
  public static native ByteBuffer view(long address, int bytes);

  /**
   * The address of a direct buffer's first byte (whatever its position), or 0 if the buffer is not
   * direct.
   */
  public static native long address(Buffer buffer);
}
