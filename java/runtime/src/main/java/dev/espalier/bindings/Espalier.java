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
  public static final int ABI_VERSION = 3;

  // esp_status
  public static final int ESP_OK = 0;
  public static final int ESP_INVALID_ARGUMENT = 1;
  public static final int ESP_OUT_OF_MEMORY = 2;
  public static final int ESP_UNSUPPORTED = 3;
  public static final int ESP_INTERNAL = 4;

  // instruction sets, in ascending order
  public static final int ESP_ISA_PORTABLE = 0;
  public static final int ESP_ISA_AVX2 = 1;
  public static final int ESP_ISA_AVX_VNNI = 2;
  public static final int ESP_ISA_AVX512VL_VNNI = 3;
  public static final int ESP_ISA_AVX512 = 4;
  public static final int ESP_ISA_AVX512_VNNI = 5;
  public static final int ESP_ISA_COUNT = 6;

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

  // storage of a linear weight
  public static final int ESP_F32 = 0;
  public static final int ESP_I8 = 1;

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

  public static native void esp_backend_destroy(@Cast("esp_backend*") long backend);

  public static native int esp_alloc(
      @Cast("esp_backend*") long backend, long bytes, @Cast("void**") long[] out);

  public static native void esp_free(
      @Cast("esp_backend*") long backend, @Cast("void*") long memory);

  // ---- weights

  public static native int esp_weight_create(
      @Cast("esp_backend*") long backend,
      int n,
      int k,
      int dtype,
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
      @Cast("const int32_t*") long qk_width,
      @Cast("const int32_t*") long v_width,
      @Cast("const float*") long scale,
      @Cast("esp_heads**") long[] out);

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
      @Cast("float*") long y,
      long y_pitch);

  public static native int esp_linear(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long x,
      long x_pitch,
      long rows,
      @Cast("const esp_weight*") long weight,
      @Cast("float*") long y,
      long y_pitch);

  public static native int esp_quantize(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long x,
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
      @Cast("const float*") long x,
      long x_pitch,
      long rows,
      long columns,
      @Cast("float*") long y,
      long y_pitch);

  public static native int esp_feed_forward(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long x,
      long x_pitch,
      long rows,
      @Cast("const esp_weight*") long w_in,
      int activation,
      @Cast("const esp_weight*") long w_out,
      @Cast("float*") long y,
      long y_pitch);

  public static native int esp_add_layernorm(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long x,
      long x_pitch,
      @Cast("const float*") long r,
      long r_pitch,
      long rows,
      long columns,
      @Cast("const float*") long gamma,
      @Cast("const float*") long beta,
      float eps,
      @Cast("float*") long y,
      long y_pitch);

  public static native int esp_attention(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long qkv,
      long qkv_pitch,
      long sequences,
      @Cast("const int32_t*") long offsets,
      @Cast("const uint8_t*") long key_mask,
      @Cast("const esp_heads*") long heads,
      @Cast("float*") long context,
      long context_pitch);

  public static native int esp_attention_probabilities(
      @Cast("esp_backend*") long backend,
      @Cast("const float*") long qkv,
      long qkv_pitch,
      long length,
      @Cast("const uint8_t*") long key_mask,
      @Cast("const esp_heads*") long heads,
      @Cast("float*") long p);

  public static native int esp_pool(
      @Cast("esp_backend*") long backend,
      int pooling,
      int normalize,
      @Cast("const float*") long x,
      long x_pitch,
      long columns,
      long sequences,
      @Cast("const int32_t*") long offsets,
      @Cast("float*") long y,
      long y_pitch);
}
