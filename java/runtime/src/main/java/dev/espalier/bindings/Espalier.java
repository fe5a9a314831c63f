package dev.espalier.bindings;

import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.NoException;
import org.bytedeco.javacpp.annotation.Platform;

/**
 * The C ABI of libespalier, function by function: {@code native/include/espalier.h} holds shapes,
 * layouts, aliasing and errors, and this class says nothing else.
 *
 * <p>Addresses and handles are {@code long} (0 is the null pointer) and out-parameters are arrays
 * whose first entry is written, so that a call creates no object. Nothing is checked here or on the
 * other side: a wrong address ends the process. Native code may be called from several threads at
 * once.
 *
 * <p>{@link NativeLibrary#load()} must have succeeded before the first call; {@link NativeMemory}
 * moves values between arrays and addresses.
 *
 * <p>JavaCPP writes the glue (jniEspalier.cpp) from this class when the project is built. Its
 * functions need nothing of JavaCPP at run time: with {@code MODIFIED_UTF8_STRING} strings are made
 * by JNI itself, so that neither libjnijavacpp nor JavaCPP's Loader is started.
 */
@Platform(include = "espalier.h", link = "espalier", define = "MODIFIED_UTF8_STRING")
@NoException
public final class Espalier {
  /** {@code ESP_ABI_VERSION} of the header that this class was written from. */
  public static final int ABI_VERSION = 11;

  // esp_status
  public static final int ESP_OK = 0;
  public static final int ESP_INVALID_ARGUMENT = 1;
  public static final int ESP_OUT_OF_MEMORY = 2;
  public static final int ESP_UNSUPPORTED = 3;
  public static final int ESP_INTERNAL = 4;
  public static final int ESP_DEVICE_LOST = 5;
  public static final int ESP_NO_LIBRARY = 6;
  public static final int ESP_NO_DRIVER = 7;
  public static final int ESP_OLD_DRIVER = 8;
  public static final int ESP_NO_DEVICE = 9;
  public static final int ESP_OLD_DEVICE = 10;

  // instruction sets, in ascending order
  public static final int ESP_ISA_PORTABLE = 0;
  public static final int ESP_ISA_AVX2 = 1;
  public static final int ESP_ISA_AVX_VNNI = 2;
  public static final int ESP_ISA_AVX512VL_VNNI = 3;
  public static final int ESP_ISA_AVX512 = 4;
  public static final int ESP_ISA_AVX512_VNNI = 5;
  public static final int ESP_ISA_AVX512_BF16 = 6;
  public static final int ESP_ISA_AMX = 7;
  public static final int ESP_ISA_COUNT = 8;

  // activations
  public static final int ESP_GELU = 0;
  public static final int ESP_GELU_NEW = 1;
  public static final int ESP_GELU_PYTORCH_TANH = 2;
  public static final int ESP_GELU_FAST = 3;
  public static final int ESP_QUICK_GELU = 4;
  public static final int ESP_RELU = 5;
  public static final int ESP_SILU = 6;
  public static final int ESP_TANH = 7;

  // poolings
  public static final int ESP_POOL_MEAN = 0;
  public static final int ESP_POOL_CLS = 1;
  public static final int ESP_POOL_MAX = 2;

  // storage of weights and tensors
  public static final int ESP_F32 = 0;
  public static final int ESP_I8 = 1;
  public static final int ESP_F16 = 2;
  public static final int ESP_BF16 = 3;
  public static final int ESP_BF16_PRODUCTS = 4;

  // what a head's queries attend to
  public static final int ESP_HEAD_FULL = 0;
  public static final int ESP_HEAD_CONSTANT = 1;
  public static final int ESP_HEAD_PREVIOUS = 2;
  public static final int ESP_HEAD_NEXT = 3;
  public static final int ESP_HEAD_SAME = 4;
  public static final int ESP_HEAD_FIRST = 5;
  public static final int ESP_HEAD_WINDOW = 6;
  public static final int ESP_HEAD_TOP_K = 7;
  public static final int ESP_HEAD_KINDS = 8;

  // what esp_cuda_device tells
  public static final int ESP_CUDA_MAJOR = 0;
  public static final int ESP_CUDA_MINOR = 1;
  public static final int ESP_CUDA_MULTIPROCESSORS = 2;
  public static final int ESP_CUDA_MEMORY = 3;
  public static final int ESP_CUDA_FREE_MEMORY = 4;
  public static final int ESP_CUDA_FACTS = 5;

  private Espalier() {}

  // ---- library and machine

  public static native int esp_abi_version();

  public static native @Cast("const char*") String esp_last_error();

  public static native int esp_isa_available(int isa);

  public static native @Cast("const char*") String esp_isa_name(int isa);

  public static native int esp_measure_peak_f32(
      int isa, int threads, int milliseconds, double[] gflops);

  public static native int esp_measure_peak_i8(
      int isa, int threads, int milliseconds, double[] gops);

  // ---- backends and memory

  public static native int esp_backend_create(
      int isa, int threads, @Cast("esp_backend**") long[] out);

  public static native int esp_cuda_inventory(
      String library, int[] count, int[] driver, int[] runtime);

  public static native int esp_cuda_device(
      String library, int device, @Cast("char*") byte[] name, @Cast("int64_t*") long[] facts);

  public static native int esp_cuda_backend_create(
      String library, int device, int dtype, @Cast("esp_backend**") long[] out);

  public static native void esp_backend_destroy(@Cast("esp_backend*") long backend);

  public static native int esp_lane_create(
      @Cast("esp_backend*") long backend, @Cast("esp_backend**") long[] out);

  public static native int esp_lane_reserve(
      @Cast("esp_backend*") long lane, long rows, long codes, long intermediate);

  public static native int esp_lane_graphs(@Cast("esp_backend*") long lane, int most);

  public static native long esp_graph_rows(long rows);

  public static native int esp_lane_tag(@Cast("esp_backend*") long lane, int tag);

  public static native int esp_fault_tag(@Cast("esp_backend*") long lane);

  public static native int esp_synchronize(@Cast("esp_backend*") long lane);

  public static native int esp_alloc(
      @Cast("esp_backend*") long backend, long bytes, @Cast("void**") long[] out);

  public static native void esp_free(
      @Cast("esp_backend*") long backend, @Cast("void*") long memory);

  public static native int esp_host_alloc(
      @Cast("esp_backend*") long backend, long bytes, @Cast("void**") long[] out);

  public static native void esp_host_free(
      @Cast("esp_backend*") long backend, @Cast("void*") long memory);

  public static native int esp_write(
      @Cast("esp_backend*") long lane,
      @Cast("void*") long to,
      @Cast("const void*") long from,
      long bytes);

  public static native int esp_read(
      @Cast("esp_backend*") long lane,
      @Cast("void*") long to,
      @Cast("const void*") long from,
      long bytes);

  public static native int esp_write_matrix(
      @Cast("esp_backend*") long lane,
      @Cast("const float*") long values,
      long rows,
      long columns,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_read_matrix(
      @Cast("esp_backend*") long lane,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      long columns,
      @Cast("float*") long values);

  // ---- weights

  public static native int esp_weight_create(
      @Cast("esp_backend*") long backend,
      int n,
      int k,
      int dtype,
      @Cast("esp_weight**") long[] out);

  public static native int esp_weight_create_blocks(
      @Cast("esp_backend*") long backend,
      int n,
      int k,
      int dtype,
      int block,
      @Cast("const uint8_t*") long kept,
      @Cast("esp_weight**") long[] out);

  public static native void esp_weight_destroy(@Cast("esp_weight*") long weight);

  public static native int esp_weight_set_rows(
      @Cast("esp_weight*") long weight, int first, int count, @Cast("const float*") long values);

  public static native int esp_weight_set_codes(
      @Cast("esp_weight*") long weight,
      int first,
      int count,
      @Cast("const int8_t*") long codes,
      @Cast("const float*") long scales,
      @Cast("const int32_t*") long zero_points);

  public static native int esp_weight_set_input_block(@Cast("esp_weight*") long weight, int block);

  public static native int esp_weight_set_bias(
      @Cast("esp_weight*") long weight, int first, int count, @Cast("const float*") long values);

  public static native long esp_weight_bytes(@Cast("const esp_weight*") long weight);

  public static native int esp_heads_create(
      @Cast("esp_backend*") long backend,
      int count,
      @Cast("const int32_t*") long index,
      @Cast("const int32_t*") long qk_width,
      @Cast("const int32_t*") long v_width,
      @Cast("const float*") long scale,
      @Cast("esp_heads**") long[] out);

  public static native int esp_heads_set_kind(
      @Cast("esp_heads*") long heads, int head, int kind, int parameter);

  public static native int esp_heads_set_attention(
      @Cast("esp_heads*") long heads, int head, int length, @Cast("const float*") long p);

  public static native int esp_heads_set_products(@Cast("esp_heads*") long heads, int dtype);

  public static native void esp_heads_destroy(@Cast("esp_heads*") long heads);

  // ---- ops

  public static native int esp_embed_layernorm(
      @Cast("esp_backend*") long backend,
      @Cast("const int32_t*") long ids,
      @Cast("const int32_t*") long types,
      @Cast("const int32_t*") long positions,
      long rows,
      long columns,
      @Cast("const void*") long word,
      int word_dtype,
      @Cast("const float*") long word_scales,
      int word_zero_point,
      @Cast("const float*") long type,
      @Cast("const float*") long position,
      @Cast("const float*") long gamma,
      @Cast("const float*") long beta,
      float eps,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_linear(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      @Cast("const esp_weight*") long weight,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_linear_columns(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      @Cast("const esp_weight*") long weight,
      int first,
      int count,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_quantize(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      long columns,
      int inputBlock,
      @Cast("int8_t*") long codes,
      @Cast("float*") long scales);

  public static native int esp_linear_accumulators(
      @Cast("esp_backend*") long backend,
      @Cast("const int8_t*") long codes,
      long rows,
      @Cast("const esp_weight*") long weight,
      @Cast("int32_t*") long acc);

  public static native int esp_activation(
      @Cast("esp_backend*") long backend,
      int activation,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      long columns,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_feed_forward(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long x,
      long x_pitch,
      long rows,
      @Cast("const esp_weight*") long w_in,
      int activation,
      @Cast("const esp_weight*") long w_out,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_add_layernorm(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long x,
      long x_pitch,
      @Cast("const void*") long r,
      long r_pitch,
      long rows,
      long columns,
      @Cast("const float*") long gamma,
      @Cast("const float*") long beta,
      float eps,
      @Cast("void*") long y,
      long y_pitch);

  public static native int esp_attention(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long qkv,
      long qkv_pitch,
      long tokens,
      long sequences,
      @Cast("const int32_t*") long offsets,
      @Cast("const uint8_t*") long key_mask,
      @Cast("const esp_heads*") long heads,
      @Cast("const float*") long head_mask,
      long head_mask_pitch,
      @Cast("void*") long context,
      long context_pitch);

  public static native int esp_attention_probabilities(
      @Cast("esp_backend*") long backend,
      @Cast("const void*") long qkv,
      long qkv_pitch,
      long length,
      @Cast("const uint8_t*") long key_mask,
      @Cast("const esp_heads*") long heads,
      @Cast("float*") long p);

  public static native int esp_pool(
      @Cast("esp_backend*") long backend,
      int pooling,
      int normalize,
      @Cast("const void*") long x,
      long x_pitch,
      long columns,
      long sequences,
      @Cast("const int32_t*") long offsets,
      @Cast("void*") long y,
      long y_pitch);
}
