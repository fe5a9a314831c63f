// What becomes of a product's sums: values, rounded to elements, activated, stored.
//
// An epilogue E has
//   E::Element                    what is stored
//   columns<count>(column)        what belongs to `count` columns side by side (bias, scales), loaded once for many rows
//   row(row)                      what belongs to a row
//   value(columns, c, row, sum)   the element of column c of those
// and an Output. What belongs to columns is as long as kColumnPad (ops.h) says. The activations that are not instances
// here are passes of their own (with_activation): elements are rounded before the activation, so both ways give the
// same bits.
#ifndef ESPALIER_EPILOGUE_CUH
#define ESPALIER_EPILOGUE_CUH

#include <type_traits>

#include "activate.cuh"
#include "element.cuh"
#include "fault.cuh"
#include "ops.h"

namespace espalier {
namespace gpu {

// The result [.,n]. `largest` [rows], or null: the bits of the largest |y| of each row are raised to what was stored
// there; as integers they are in the order of the values, with infinity and every NaN on top, and no order of the
// blocks changes a maximum.
template <typename E>
struct Output {
  E* y;
  int64_t y_pitch;
  int32_t n;
  uint32_t* largest;
};

// p[0 .. valid-1] = v, in vectors of up to 16 bytes where p is aligned.
template <typename E, int count>
__device__ __forceinline__ void store_elements(E* p, int valid, const E (&v)[count]) {
  constexpr int kBytes = count * static_cast<int>(sizeof(E));
  static_assert(kBytes == 8 || kBytes == 16, "one vector");
  if (valid >= count && reinterpret_cast<uintptr_t>(p) % kBytes == 0) {
    uint32_t words[kBytes / 4];
    memcpy(words, v, kBytes);
    if constexpr (kBytes == 16) {
      *reinterpret_cast<uint4*>(p) = make_uint4(words[0], words[1], words[2], words[3]);
    } else {
      *reinterpret_cast<uint2*>(p) = make_uint2(words[0], words[1]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (i < valid) p[i] = v[i];
    }
  }
}

// v = p[column ..]; p null: all zeros. Columns beyond n are there to be read (kColumnPad).
template <typename T, int count>
__device__ __forceinline__ void load_columns(const T* p, int64_t column, T (&v)[count]) {
  static_assert(sizeof(T) == 4 && (count == 2 || count % 4 == 0), "whole vectors");
  if (p == nullptr) {
#pragma unroll
    for (int i = 0; i < count; ++i) v[i] = T(0);
  } else if constexpr (count == 2) {
    const uint2 two = *reinterpret_cast<const uint2*>(p + column);
    memcpy(v, &two, sizeof two);
  } else {
#pragma unroll
    for (int i = 0; i < count; i += 4) {
      const uint4 four = *reinterpret_cast<const uint4*>(p + column + i);
      memcpy(v + i, &four, sizeof four);
    }
  }
}

template <typename E, bool gelu>
__device__ __forceinline__ E finish(float value) {
  const E e = from_float<E>(value);
  if constexpr (gelu) return from_float<E>(activate(ESP_GELU, to_float(e)));
  return e;
}

// The bits of the largest |v| of those in the first `valid` columns.
template <typename E, int count>
__device__ __forceinline__ uint32_t largest_of(const E (&v)[count], int valid) {
  uint32_t largest = 0;
#pragma unroll
  for (int i = 0; i < count; ++i) {
    if (i < valid) largest = max(largest, __float_as_uint(to_float(v[i])) & 0x7fffffffu);
  }
  return largest;
}
template <int count>
__device__ __forceinline__ uint32_t largest_of(const int32_t (&)[count], int) {
  return 0;
}

// Notes the largest of the four lanes that have a row between them. All lanes of the warp call.
__device__ __forceinline__ void note_largest(uint32_t* largest, int64_t row, int64_t rows, uint32_t of_lane) {
  if (largest == nullptr) return;
  of_lane = max(of_lane, __shfl_xor_sync(0xffffffffu, of_lane, 1));
  of_lane = max(of_lane, __shfl_xor_sync(0xffffffffu, of_lane, 2));
  if (threadIdx.x % 4 == 0 && row < rows) atomicMax(largest + row, of_lane);
}

// y = sum + bias
template <typename E, bool gelu>
struct BiasEpilogue {
  using Element = E;
  Output<E> out;
  const float* bias;

  template <int count>
  struct Columns {
    float bias[count];
  };
  struct Row {};

  template <int count>
  __device__ __forceinline__ Columns<count> columns(int64_t column) const {
    Columns<count> c;
    load_columns(bias, column, c.bias);
    return c;
  }
  __device__ __forceinline__ Row row(int64_t) const { return {}; }
  template <int count>
  __device__ __forceinline__ E value(const Columns<count>& columns, int c, Row, float sum) const {
    return finish<E, gelu>(sum + columns.bias[c]);
  }
};

// y = fma(float(acc) * x_scale, w_scale, bias), acc = sum - x_sum * zero_point
template <typename E, bool gelu>
struct ScaledEpilogue {
  using Element = E;
  Output<E> out;
  Int8Scales scales;

  template <int count>
  struct Columns {
    float scale[count], bias[count];
    int32_t zero_point[count];
  };
  struct Row {
    float scale;
    int32_t sum;
  };

  template <int count>
  __device__ __forceinline__ Columns<count> columns(int64_t column) const {
    Columns<count> c;
    load_columns(scales.w_scales, column, c.scale);
    load_columns(scales.bias, column, c.bias);
    load_columns(scales.zero_points, column, c.zero_point);
    return c;
  }
  __device__ __forceinline__ Row row(int64_t row) const {
    const float scale = scales.x_scales[row];
    if (scales.fault.least != nullptr && !(scale < INFINITY)) note_fault(scales.fault, row);
    return {scale, scales.x_sums == nullptr ? 0 : scales.x_sums[row]};
  }
  template <int count>
  __device__ __forceinline__ E value(const Columns<count>& columns, int c, Row row, int32_t sum) const {
    const int32_t acc = sum - row.sum * columns.zero_point[c];
    return finish<E, gelu>(fmaf(__fmul_rn(__int2float_rn(acc), row.scale), columns.scale[c], columns.bias[c]));
  }
};

// acc itself.
struct AccumulatorEpilogue {
  using Element = int32_t;
  Output<int32_t> out;
  const int32_t* x_sums;
  const int32_t* zero_points;

  template <int count>
  struct Columns {
    int32_t zero_point[count];
  };
  struct Row {
    int32_t sum;
  };

  template <int count>
  __device__ __forceinline__ Columns<count> columns(int64_t column) const {
    Columns<count> c;
    load_columns(zero_points, column, c.zero_point);
    return c;
  }
  __device__ __forceinline__ Row row(int64_t row) const { return {x_sums == nullptr ? 0 : x_sums[row]}; }
  template <int count>
  __device__ __forceinline__ int32_t value(const Columns<count>& columns, int c, Row row, int32_t sum) const {
    return sum - row.sum * columns.zero_point[c];
  }
};

// product(gelu) with GELU in its epilogue or with nothing; any other activation is a pass over y after it.
template <typename Product>
cudaError_t with_activation(int32_t dtype, int32_t kind, RowCount rows, const Result& y, int32_t n, cudaStream_t stream,
                            const Product& product) {
  if (kind == ESP_GELU) return product(std::true_type());
  if (kind != kNoActivation && y.largest != nullptr) return cudaErrorInvalidValue;
  const cudaError_t status = product(std::false_type());
  if (kind == kNoActivation || status != cudaSuccess) return status;
  return activation(dtype, kind, y.y, y.pitch, rows, n, y.y, y.pitch, stream);
}

}  // namespace gpu
}  // namespace espalier
#endif
