// The C ABI of libespalier: every function, its shapes, layouts and errors.
//
// Conventions
//   * Matrices are row-major. A `pitch` is the distance between two rows, in elements, and is at least the row's
//     length. A `void*` matrix holds the backend's elements: fp32 on the CPU, what was asked for on a GPU, where its
//     first row and its pitch are multiples of 16 bytes. All other floating-point arrays are IEEE fp32.
//   * Arguments of ops lie in the backend's own memory (esp_alloc), which only a CPU backend shares with the caller.
//     Functions that create or fill objects (weights, heads) take host memory.
//   * A packed batch holds T tokens of B sequences, one after the other, without padding. `offsets` has B+1 entries:
//     sequence b owns rows offsets[b] .. offsets[b+1]-1; offsets[0] = 0 and offsets[B] = T.
//   * Every function that can fail returns an esp_status. On a status other than ESP_OK, esp_last_error() gives the
//     reason for this thread. No function throws, exits or prints.
//   * The caller has checked shapes, ranges and aliasing (see dev.espalier.backend.Ops): the functions below trust
//     what they are given. Outputs may not overlap inputs except where a function says that they may.
//   * Results do not depend on the number of threads, on the other sequences of a batch, or on timing.
//   * Every function may be called from several threads at once, except that an object must not be destroyed while
//     another call uses it, and that a lane takes one call at a time. Destroying a null pointer does nothing.
//   * On a GPU an op returns before it is done: ops on one lane (or on the backend, which is a lane as well) run in
//     order. A failure that only the device sees is reported by the lane's next esp_synchronize or esp_read.
#ifndef ESPALIER_H
#define ESPALIER_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define ESP_API __declspec(dllexport)
#else
#define ESP_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_ABI_VERSION 11

typedef int32_t esp_status;
enum {
  ESP_OK = 0,
  ESP_INVALID_ARGUMENT = 1,
  ESP_OUT_OF_MEMORY = 2,
  ESP_UNSUPPORTED = 3,  // this machine or this build cannot do it
  ESP_INTERNAL = 4,
  ESP_DEVICE_LOST = 5,  // the device failed: everything on it is gone, and this process cannot use it any more
  // Why there is no device to work on; esp_last_error says what to do.
  ESP_NO_LIBRARY = 6,  // the backend's library is missing, or belongs to another release
  ESP_NO_DRIVER = 7,
  ESP_OLD_DRIVER = 8,  // older than the CUDA that the library was built with
  ESP_NO_DEVICE = 9,   // the driver sees none of that number, or somebody else holds it
  ESP_OLD_DEVICE = 10  // of a compute capability below 8.0
};

// Instruction sets of the CPU backend, in ascending order: of those that a machine has, the last is the best.
enum {
  ESP_ISA_PORTABLE = 0,
  ESP_ISA_AVX2 = 1,
  ESP_ISA_AVX_VNNI = 2,       // AVX2 with int8 dot products, VEX encoding
  ESP_ISA_AVX512VL_VNNI = 3,  // the same on 256-bit vectors, EVEX encoding
  ESP_ISA_AVX512 = 4,
  ESP_ISA_AVX512_VNNI = 5,
  ESP_ISA_AVX512_BF16 = 6,  // the same with products of bf16 numbers
  ESP_ISA_AMX = 7,          // the same with tiles; the first question for it asks Linux to allow them
  ESP_ISA_COUNT = 8
};

// Activations, by the names of Hugging Face's ACT2FN.
enum {
  ESP_GELU = 0,               // x * (1 + erf(x / sqrt(2))) / 2
  ESP_GELU_NEW = 1,           // x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2
  ESP_GELU_PYTORCH_TANH = 2,  // the same formula
  ESP_GELU_FAST = 3,          // x * (1 + tanh(0.7978845608 * x * (1 + 0.044715 x^2))) / 2
  ESP_QUICK_GELU = 4,         // x * sigmoid(1.702 x)
  ESP_RELU = 5,
  ESP_SILU = 6,  // x * sigmoid(x), also called swish
  ESP_TANH = 7
};

enum { ESP_POOL_MEAN = 0, ESP_POOL_CLS = 1, ESP_POOL_MAX = 2 };

// What a head's queries attend to.
enum {
  ESP_HEAD_FULL = 0,      // all keys, by softmax
  ESP_HEAD_CONSTANT = 1,  // all keys, by a fixed matrix
  ESP_HEAD_PREVIOUS = 2,  // the token before, the first token to itself
  ESP_HEAD_NEXT = 3,      // the token behind, the last token to itself
  ESP_HEAD_SAME = 4,      // the token itself
  ESP_HEAD_FIRST = 5,     // the first token
  ESP_HEAD_WINDOW = 6,    // the mean of the tokens at most `parameter` away
  ESP_HEAD_TOP_K = 7,     // the `parameter` keys of highest score, by softmax; of equal ones the first
  ESP_HEAD_KINDS = 8
};

// Storage of a weight, and of the tensors between ops. A linear weight is ESP_I8, or given as fp32 and kept on a CPU as
// the type says, on a GPU (ESP_F32 only) in the backend's own type. ESP_BF16_PRODUCTS is a linear weight that is kept
// as bf16 and multiplied with rows that are rounded to bf16 too.
enum { ESP_F32 = 0, ESP_I8 = 1, ESP_F16 = 2, ESP_BF16 = 3, ESP_BF16_PRODUCTS = 4 };

// What esp_cuda_device tells, by index.
enum {
  ESP_CUDA_MAJOR = 0,  // compute capability
  ESP_CUDA_MINOR = 1,
  ESP_CUDA_MULTIPROCESSORS = 2,
  ESP_CUDA_MEMORY = 3,  // bytes
  ESP_CUDA_FREE_MEMORY = 4,
  ESP_CUDA_FACTS = 5
};

typedef struct esp_backend esp_backend;  // an instruction set with its thread pool, or a device; or a lane of either
typedef struct esp_weight esp_weight;    // one packed linear layer: weight [N,K] and bias [N]
typedef struct esp_heads esp_heads;      // which attention heads exist, and how wide each is

// ---- library and machine -------------------------------------------------------------------------------------------

// ESP_ABI_VERSION of the library that was loaded.
ESP_API int32_t esp_abi_version(void);

// The reason of the last failure on this thread; "" if none. Valid until the thread's next failure.
ESP_API const char* esp_last_error(void);

// 1 if both this build and this machine have the instruction set, else 0.
ESP_API int32_t esp_isa_available(int32_t isa);

// "portable", "avx2", "avx-vnni", "avx512vl-vnni", "avx512", "avx512-vnni", "avx512-bf16", "amx"; "" for any
// other number.
ESP_API const char* esp_isa_name(int32_t isa);

// Peak of one core's fused multiply-adds, measured over about `milliseconds`: independent FMA chains in registers with
// the instruction set `isa`. `threads` threads run it at once; *gflops is their sum.
ESP_API esp_status esp_measure_peak_f32(int32_t isa, int32_t threads, int32_t milliseconds, double* gflops);

// The same for int8: dot-product steps in registers, a multiplication and an addition being two operations.
ESP_API esp_status esp_measure_peak_i8(int32_t isa, int32_t threads, int32_t milliseconds, double* gops);

// ---- backends and memory -------------------------------------------------------------------------------------------

// A CPU backend with `threads` >= 1 threads in all (callers included: a pool of threads-1 workers helps whoever calls).
// At most `threads` threads work at any time, however many callers there are: calls beyond that run on their caller
// alone. ESP_UNSUPPORTED if esp_isa_available(isa) is 0.
ESP_API esp_status esp_backend_create(int32_t isa, int32_t threads, esp_backend** out);

// The CUDA devices that the library at path `library` (libespalier_cuda, or the emulator) can see, and the CUDA
// versions of the driver and of the library, as 1000 * major + 10 * minor. A library stays open until the process ends.
// ESP_NO_LIBRARY, ESP_NO_DRIVER, ESP_OLD_DRIVER or ESP_NO_DEVICE where something is missing; *driver and *runtime are
// set where they are known, else 0.
ESP_API esp_status esp_cuda_inventory(const char* library, int32_t* count, int32_t* driver, int32_t* runtime);

// A device's name (at most 255 characters and the end) and its facts, ESP_CUDA_FACTS numbers.
ESP_API esp_status esp_cuda_device(const char* library, int32_t device, char* name, int64_t* facts);

// A backend on a device. Tensors between ops, and weights that are given as fp32, are kept as `dtype`: ESP_F32, ESP_F16
// or ESP_BF16. Fails as above, with ESP_OLD_DEVICE for a device of a compute capability below 8.0, and with
// ESP_OUT_OF_MEMORY where others have taken its memory.
ESP_API esp_status esp_cuda_backend_create(const char* library, int32_t device, int32_t dtype, esp_backend** out);

ESP_API void esp_backend_destroy(esp_backend* backend);

// A handle on the same backend, for one caller at a time: its ops run in order, and beside those of other lanes.
// Objects made with one may be used with any. Destroyed with esp_backend_destroy, before the backend.
ESP_API esp_status esp_lane_create(esp_backend* backend, esp_backend** out);

// Takes the memory that ops on the lane need beside their arguments, so that none is taken while they run: for int8
// products of up to `rows` rows and `codes` codes of activations (each row rounded up to a multiple of 16), and for
// feed_forward with up to `intermediate` elements between its two products. An op that needs more takes more.
// ESP_OUT_OF_MEMORY leaves the lane as it was or smaller, and usable.
ESP_API esp_status esp_lane_reserve(esp_backend* lane, int64_t rows, int64_t codes, int64_t intermediate);

// Has the lane keep up to `most` CUDA graphs, 0 for none; a backend that has no graphs does nothing. On a lane that
// keeps graphs the ops of a pass (those that take rows, tokens or sequences and leave their results in the backend's
// memory) are held back until the lane is next written to, read or waited for. Ops that come again with the same
// arguments, but for the numbers of rows, of which only esp_graph_rows counts, are then run as one graph. Results
// have the same bits with graphs and without. What ops use (weights, heads, memory) must stay until then; a failure
// that one of them would have reported is reported then; and a matrix of `rows` rows must lie in memory for
// esp_graph_rows(rows): what is behind the rows is not used and not written.
ESP_API esp_status esp_lane_graphs(esp_backend* lane, int32_t most);

// The most rows that a graph serves which serves `rows`: where the arguments of ops depend on the number of rows,
// addresses for instance, one graph serves all of them if they depend on this number instead.
ESP_API int64_t esp_graph_rows(int64_t rows);

// Gives the ops that follow on the lane a number, from 0 up to 2^30, by which esp_fault_tag names the one that failed
// on the device.
ESP_API esp_status esp_lane_tag(esp_backend* lane, int32_t tag);

// The number of the op whose failure on the device esp_synchronize or esp_read last reported on the lane; -1 if none
// was.
ESP_API int32_t esp_fault_tag(esp_backend* lane);

// Waits until everything that was started on the lane is done.
ESP_API esp_status esp_synchronize(esp_backend* lane);

// `bytes` of zeroed memory for ops to work on, aligned to 64 bytes (on a CPU, large blocks on huge pages where the
// system grants them).
ESP_API esp_status esp_alloc(esp_backend* backend, int64_t bytes, void** out);
ESP_API void esp_free(esp_backend* backend, void* memory);

// The same in host memory that the device can copy from and to at full speed.
ESP_API esp_status esp_host_alloc(esp_backend* backend, int64_t bytes, void** out);
ESP_API void esp_host_free(esp_backend* backend, void* memory);

// Copies host memory to the backend's. `from` must stay as it is until the lane is synchronized.
ESP_API esp_status esp_write(esp_backend* lane, void* to, const void* from, int64_t bytes);

// Copies the backend's memory to the host's, and waits for it.
ESP_API esp_status esp_read(esp_backend* lane, void* to, const void* from, int64_t bytes);

// y = values, rounded to the backend's elements.   values [rows,columns] contiguous in host memory, which must stay as
// it is until the lane is synchronized
ESP_API esp_status esp_write_matrix(esp_backend* lane, const float* values, int64_t rows, int64_t columns, void* y,
                                    int64_t y_pitch);

// values = x, and waits for it.   values [rows,columns] contiguous in host memory
ESP_API esp_status esp_read_matrix(esp_backend* lane, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                                   float* values);

// ---- weights -------------------------------------------------------------------------------------------------------

// int8 (ESP_I8): weights have a code from -128 to 127 each and a scale per row (output channel); activations are
// quantized row by row when the layer runs, scale = absmax / 127, code = roundHalfEven(x / scale), clamped to +-127,
// both IEEE fp32 divisions; a scale of 0 gives codes 0. Then y[t,n] = fma(float(acc) * scale_x[t], scale_w[n], b[n])
// with
//   acc[t,n] = sum_k code_x[t,k] * (code_w[n,k] - zero_point[n])
// exact in int32 (k up to 65,536). Where a weight has an input block B > 1, rows of x are rotated before they are
// quantized: each block of B columns, from the first one on, is multiplied by the B x B Hadamard matrix of +-1, what is
// left at the end by those of the largest powers of two that fit. The butterflies are fp32 additions and subtractions
// at distances 1, 2, 4, ... in this order, (a, b) becoming (a + b, a - b). Codes and scales are then those of the
// weight times the same matrices over their sizes. A row of activations with a NaN or an infinity is
// ESP_INVALID_ARGUMENT, the text naming the row, and y is void.

// bf16 products (ESP_BF16_PRODUCTS): weights and, when the layer runs, the rows of x are rounded to bf16, to nearest
// even; products are exact, their sums fp32 in the order of the instruction set's own instruction, in which numbers
// below 2^-126 count as 0; the bias is added last. esp_weight_create gives ESP_UNSUPPORTED where the instruction set
// has no such products. In esp_feed_forward the activated intermediate, fp32, is the second layer's x.

// An empty linear layer with weight [n,k] and bias [n], both zeros at first. n, k >= 0: where all heads of a layer are
// gone, k is 0 and every row of y is the bias.
ESP_API esp_status esp_weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out);

// The same for a weight some of whose blocks are zeros, which are neither stored nor multiplied. Blocks are squares of
// `block` rows and columns, a multiple of 8, those at the end smaller; block (i, j) may hold other values than zeros
// only where kept[i,j] is not 0.   kept [ceil(n / block), ceil(k / block)]
// Rows are set whole, with zeros (codes 0, without zero points) in what is not kept. Results have the bits of the dense
// weight's, but where x is not finite: what is not kept does not meet it. The input block of an int8 weight must divide
// `block`. A backend may keep the weight dense.
ESP_API esp_status esp_weight_create_blocks(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, int32_t block,
                                            const uint8_t* kept, esp_weight** out);
ESP_API void esp_weight_destroy(esp_weight* weight);

// Packs rows first .. first+count-1 of a weight that is not int8 from values [count,k], contiguous. All but fp32 are
// rounded to nearest even; ESP_F16 and ESP_BF16 are widened again as they are used: results are those of an fp32 weight
// with the rounded values, bit for bit. ESP_INVALID_ARGUMENT for int8.
ESP_API esp_status esp_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values);

// Packs rows first .. first+count-1 of an int8 weight: codes [count,k] contiguous, a positive scale each, and zero
// points from -128 to 127, or null where they are 0. ESP_INVALID_ARGUMENT for any other.
ESP_API esp_status esp_weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes,
                                        const float* scales, const int32_t* zero_points);

// Sets the input block of an int8 weight, a power of two up to 32; it is 1 at first. ESP_INVALID_ARGUMENT for any
// other.
ESP_API esp_status esp_weight_set_input_block(esp_weight* weight, int32_t block);

// Sets bias[first .. first+count-1].
ESP_API esp_status esp_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values);

// Bytes that the packed weight and its bias occupy.
ESP_API int64_t esp_weight_bytes(const esp_weight* weight);

// Heads 0..count-1; head h is column index[h] of head masks, has query and key width qk_width[h] >= 0, value width
// v_width[h] >= 1 and the softmax scale scale[h]. They fix the columns of qkv: all queries side by side, then all keys,
// then all values, so that qkv has 2*sum(qk_width) + sum(v_width) columns and the context has sum(v_width). count >= 0.
ESP_API esp_status esp_heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                                    const int32_t* v_width, const float* scale, esp_heads** out);
ESP_API void esp_heads_destroy(esp_heads* heads);

// Makes head h one whose attention is not the softmax of all its scores; `parameter` is the window's radius >= 0 or the
// number of keys >= 1, else 0. Heads other than ESP_HEAD_FULL and ESP_HEAD_TOP_K have query and key width 0.
// ESP_UNSUPPORTED where the backend has full heads only.
ESP_API esp_status esp_heads_set_kind(esp_heads* heads, int32_t head, int32_t kind, int32_t parameter);

// Gives an ESP_HEAD_CONSTANT head its matrix p [length,length] for sequences of `length` tokens, and for shorter ones
// for which it has no other: a sequence of L tokens takes rows and columns 0 .. L-2 and the last, each row divided by
// its sum. Lengths ascend from call to call.
ESP_API esp_status esp_heads_set_attention(esp_heads* heads, int32_t head, int32_t length, const float* p);

// How esp_attention multiplies in full heads: ESP_F32, as they do at first, or ESP_BF16_PRODUCTS: queries, keys, values
// and the weights e^(s - max) are rounded to bf16, to nearest even, sums being those of bf16 products (above); softmax
// is fp32 either way, and so is esp_attention_probabilities. ESP_UNSUPPORTED where there are no such products.
ESP_API esp_status esp_heads_set_products(esp_heads* heads, int32_t dtype);

// ---- ops: each has a file of its name under native/src/cpu ---------------------------------------------------------

// y[t,:] = layernorm(word[ids[t],:] + type[types[t],:] + position[positions[t],:]) * gamma + beta
// word [V,columns], type [.,columns], position [.,columns] contiguous   ids, types, positions [rows]   y [rows,columns]
// word_dtype ESP_F32, and on a CPU ESP_F16, ESP_BF16: word_scales null   ESP_I8: codes, each standing for (code -
// word_zero_point) * word_scales[row], rounded once
ESP_API esp_status esp_embed_layernorm(esp_backend* backend, const int32_t* ids, const int32_t* types,
                                       const int32_t* positions, int64_t rows, int64_t columns, const void* word,
                                       int32_t word_dtype, const float* word_scales, int32_t word_zero_point,
                                       const float* type, const float* position, const float* gamma, const float* beta,
                                       float eps, void* y, int64_t y_pitch);

// y[t,n] = sum_k x[t,k] * w[n,k] + b[n]     x [rows,K], y [rows,N]
ESP_API esp_status esp_linear(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows,
                              const esp_weight* weight, void* y, int64_t y_pitch);

// Columns first .. first+count-1 of esp_linear's y, the same bits; the backend may compute others as well. y is the
// whole [rows,N]; what is not computed keeps what it was. For projections of attention heads that are off.
ESP_API esp_status esp_linear_columns(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows,
                                      const esp_weight* weight, int32_t first, int32_t count, void* y, int64_t y_pitch);

// codes[t,:] and scales[t] of each row of x, as an int8 layer with that input block sees them.  x [rows,columns]
// codes [rows,columns] contiguous   scales [rows]
ESP_API esp_status esp_quantize(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                                int32_t input_block, int8_t* codes, float* scales);

// acc[t,n] of an int8 weight for given activation codes. For diagnosis: same arithmetic as esp_linear.
// codes [rows,K] from -127 to 127, acc [rows,N], both contiguous   ESP_UNSUPPORTED for a weight of blocks
ESP_API esp_status esp_linear_accumulators(esp_backend* backend, const int8_t* codes, int64_t rows,
                                           const esp_weight* weight, int32_t* acc);

// y = activation(x)     x, y [rows,columns], y may be x
ESP_API esp_status esp_activation(esp_backend* backend, int32_t activation, const void* x, int64_t x_pitch,
                                  int64_t rows, int64_t columns, void* y, int64_t y_pitch);

// y = linear(activation(linear(x, w_in)), w_out), by row blocks: [rows,intermediate] never exists as a whole.
// Same bits as esp_linear, esp_activation, esp_linear. Without any intermediate columns y is w_out's bias.
ESP_API esp_status esp_feed_forward(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows,
                                    const esp_weight* w_in, int32_t activation, const esp_weight* w_out, void* y,
                                    int64_t y_pitch);

// y[t,:] = layernorm(x[t,:] + r[t,:]) * gamma + beta     r may be null (no residual); y may be x or r
ESP_API esp_status esp_add_layernorm(esp_backend* backend, const void* x, int64_t x_pitch, const void* r,
                                     int64_t r_pitch, int64_t rows, int64_t columns, const float* gamma,
                                     const float* beta, float eps, void* y, int64_t y_pitch);

// For each sequence and head: context = factor * softmax(q k^T * scale) v over the sequence's own keys.
// qkv [T, 2*sum(qk)+sum(v)]   offsets [sequences+1]   context [T, sum(v)]
// key_mask [T] or null: a key whose byte is 0 is not attended to; a sequence whose keys are all masked gives zeros.
// head_mask [sequences, more than the largest index] or null: head h of sequence b has the factor
// head_mask[b, index[h]], 1 without a mask. Where it is 0 the head is not computed: its context is zeros, its queries,
// keys and values are not read. key_mask means something to full and top-k heads only. A constant head must have a
// matrix for every sequence's length.
ESP_API esp_status esp_attention(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t tokens,
                                 int64_t sequences, const int32_t* offsets, const uint8_t* key_mask,
                                 const esp_heads* heads, const float* head_mask, int64_t head_mask_pitch, void* context,
                                 int64_t context_pitch);

// The softmax itself, for one sequence of `length` tokens whose first row is qkv: p[h,i,j], [heads,length,length]
// contiguous. For diagnosis: same arithmetic as esp_attention, not its speed.
ESP_API esp_status esp_attention_probabilities(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t length,
                                               const uint8_t* key_mask, const esp_heads* heads, float* p);

// y[b,:] = mean, first row or column-wise maximum of sequence b's rows, then divided by its L2 norm (at least 1e-12) if
// `normalize` is not 0. x [T,columns]   y [sequences,columns]. Every sequence has at least one token.
ESP_API esp_status esp_pool(esp_backend* backend, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch,
                            int64_t columns, int64_t sequences, const int32_t* offsets, void* y, int64_t y_pitch);

#ifdef __cplusplus
}
#endif
#endif
