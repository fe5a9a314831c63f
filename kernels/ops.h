// What the host starts: one launcher for each kernel file, which puts the kernel on the stream and returns what the
// launch returned. Arguments are those of espalier.h, `dtype` being the tensors' element (ESP_F32, ESP_F16, ESP_BF16);
// tensors begin at multiples of 16 bytes, and so do their rows. Of a card the capability chooses
// the instructions, the number of multiprocessors between instances that give the same bits.
#ifndef ESPALIER_KERNELS_OPS_H
#define ESPALIER_KERNELS_OPS_H

#include <cuda_runtime.h>

#include "espalier.h"
#include "head.h"

namespace espalier {
namespace gpu {

// How many rows (or tokens, or sequences) an op has. What is on the device is read when its kernels run, so that a launch
// that was recorded for up to `most` rows serves every batch that has no more.
struct RowCount {
  int64_t most;
  const int32_t* count = nullptr;  // on the device; null: there are `most`

  RowCount(int64_t known) : most(known) {}
  RowCount(int64_t at_most, const int32_t* on_device) : most(at_most), count(on_device) {}
};

// The counts of a batch, to[i] = values[i]: no larger than what a kernel's parameters hold with ease.
constexpr int32_t kMostCounts = 16;
struct Counts {
  int32_t values[kMostCounts];
};
cudaError_t set_counts(const Counts& counts, int32_t* to, cudaStream_t stream);

// y = values: fp32 [rows,columns] contiguous to elements, and back.
cudaError_t convert_from_f32(int32_t dtype, const float* values, int64_t rows, int64_t columns, void* y,
                             int64_t y_pitch, cudaStream_t stream);
cudaError_t convert_to_f32(int32_t dtype, const void* x, int64_t x_pitch, int64_t rows, int64_t columns, float* values,
                           cudaStream_t stream);

cudaError_t embed_layernorm(int32_t dtype, const int32_t* ids, const int32_t* types, const int32_t* positions,
                            RowCount rows, int64_t columns, const void* word, int32_t word_dtype,
                            const float* word_scales, int32_t word_zero_point, const float* type, const float* position,
                            const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch,
                            cudaStream_t stream);

cudaError_t activation(int32_t dtype, int32_t activation, const void* x, int64_t x_pitch, RowCount rows,
                       int64_t columns, void* y, int64_t y_pitch, cudaStream_t stream);

cudaError_t pool(int32_t dtype, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch, int64_t columns,
                 RowCount sequences, const int32_t* offsets, void* y, int64_t y_pitch, cudaStream_t stream);

// Where a kernel notes rows that are not finite: the least (tag << 32 | row) of them. ~0 at first.
struct Fault {
  unsigned long long* least = nullptr;  // null: nowhere
  uint32_t tag = 0;
};

// Where a quantization goes: codes with a pitch, scales [rows]; sums [rows] of the codes of each row, or null.
struct Codes {
  int8_t* codes;
  int64_t pitch;
  float* scales;
  int32_t* sums = nullptr;
};

cudaError_t quantize(int32_t dtype, const void* x, int64_t x_pitch, RowCount rows, int64_t columns, int32_t input_block,
                     const Codes& to, Fault fault, cudaStream_t stream);
// y, and unless codes.codes is null its codes, as quantize makes them of y. Nothing is noted of a row that is not
// finite: its scale is infinite.
cudaError_t add_layernorm(int32_t dtype, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch, RowCount rows,
                          int64_t columns, const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch,
                          const Codes& codes, cudaStream_t stream);

// The same with `largest` [rows] known, the bits of each row's largest |x|; without sums.
cudaError_t quantize_codes(int32_t dtype, const void* x, int64_t x_pitch, RowCount rows, int64_t columns,
                           const uint32_t* largest, const Codes& to, Fault fault, cudaStream_t stream);

// to = codes with a pitch, sums [rows] of each row.   codes [rows,columns] contiguous
cudaError_t copy_codes(const int8_t* codes, int64_t rows, int64_t columns, int8_t* to, int64_t to_pitch, int32_t* sums,
                       cudaStream_t stream);

// A product's operands: x [rows,k] and w [n,k], elements of one type; rows of both begin at multiples of 16 bytes.
struct Operands {
  const void* x;
  int64_t x_pitch;
  RowCount rows;
  const void* w;
  int64_t w_pitch;
  int32_t n;
  int32_t k;
};

constexpr int32_t kNoActivation = -1;

// Where a product goes: elements with a pitch. `largest` [rows], or null: the bits of the largest |y| of each row are
// raised to what is stored there; only without an activation and with ESP_GELU.
struct Result {
  void* y;
  int64_t pitch;
  uint32_t* largest = nullptr;
};

// The bias, scales and zero points of columns can be read this far beyond n: so no vector of them has to be cut.
constexpr int32_t kColumnPad = 32;

// What products have to know of the device.
struct Card {
  int32_t multiprocessors;
  int32_t capability;  // 10 * major + minor
};

// y = x w^T + bias, rounded; then activation(y), rounded again, unless kNoActivation.
cudaError_t gemm_f32(const Operands& operands, const float* bias, int32_t activation, const Result& y, const Card& card,
                     cudaStream_t stream);
cudaError_t gemm_half(int32_t dtype, const Operands& operands, const float* bias, int32_t activation, const Result& y,
                      const Card& card, cudaStream_t stream);

// What turns int32 sums into elements. `zero_points` and `x_sums` are null together.
struct Int8Scales {
  const float* x_scales;       // [rows]
  const int32_t* x_sums;       // [rows]
  const float* w_scales;       // [n]
  const int32_t* zero_points;  // [n]
  const float* bias;           // [n]
  Fault fault = {};            // where rows whose x_scale is not finite are noted, if they have not been
};

// y = fma(float(acc) * x_scale, w_scale, bias), acc = sum x (w - zero_point), rounded to elements, then as above.
cudaError_t gemm_int8(int32_t dtype, const Operands& operands, const Int8Scales& scales, int32_t activation,
                      const Result& y, const Card& card, cudaStream_t stream);
// acc itself, [rows,n] contiguous.
cudaError_t gemm_int8_accumulators(const Operands& operands, const int32_t* x_sums, const int32_t* zero_points,
                                   int32_t* acc, const Card& card, cudaStream_t stream);

// The heads, and how wide the widest is.
struct HeadList {
  const Head* heads;
  int32_t count;
  int32_t largest_qk;
  int32_t largest_v;
};

cudaError_t attention(int32_t dtype, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                      const int32_t* offsets, const uint8_t* key_mask, const HeadList& heads, const float* head_mask,
                      int64_t head_mask_pitch, void* context, int64_t context_pitch, cudaStream_t stream);
// The same for fp16 and bf16 on the tensor cores, heads of at most kWidestHalfHead columns.
constexpr int32_t kWidestHalfHead = 128;
cudaError_t attention_half(int32_t dtype, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                           const int32_t* offsets, const uint8_t* key_mask, const HeadList& heads,
                           const float* head_mask, int64_t head_mask_pitch, void* context, int64_t context_pitch,
                           cudaStream_t stream);
cudaError_t attention_probabilities(int32_t dtype, const void* qkv, int64_t qkv_pitch, int64_t length,
                                    const uint8_t* key_mask, const HeadList& heads, float* p, cudaStream_t stream);

}  // namespace gpu
}  // namespace espalier
#endif
