// Products on the tensor cores of compute capability 9.0: acc = x w^T, in 16-bit or 8-bit elements.
//
// x [rows,k], w [n,k] with pitches of a multiple of 16 bytes   any rows, n, k >= 1; TMA fills in zeros beyond them
// grid: one block a multiprocessor, which takes tile after tile, columns first
// block: one warpgroup that copies, and kConsumers that multiply, 64 rows each   smem: a ring of kStages stages
//
// A stage is 128 bytes of k for all rows of both tiles. The copying thread waits for the stage to be empty and has TMA
// bring both tiles; the multiplying warpgroups wait for it to be full, and give it back when the products that read it
// are over: one stage's products are always under way while the next one's are issued. The ring goes on across tiles,
// so that the next tile comes in while this one's results are stored.
//
// Every sum is one chain of wgmma instructions in the order of k: neither tile nor instance changes its bits.
#ifndef ESPALIER_GEMM_SM90_CUH
#define ESPALIER_GEMM_SM90_CUH

#include <algorithm>

#include "gemm_sm90.h"
#include "launch.cuh"
#include "ptx_sm90.cuh"
#include "row_count.cuh"
#include "tensor_map.cuh"

namespace espalier {
namespace gpu {

// A block's tile.
template <int consumers, int n, int stages>
struct Sm90Tile {
  static constexpr int kConsumers = consumers;
  static constexpr int kM = 64 * consumers, kN = n;
  static constexpr int kStages = stages;
  static constexpr int kRowBytes = 128;  // of k in a stage
  static constexpr int kStageBytes = (kM + kN) * kRowBytes;
  static constexpr int kThreads = 128 * (consumers + 1);
  static constexpr int kSharedBytes = kStages * kStageBytes + 2 * kStages * static_cast<int>(sizeof(uint64_t));
  // Of a thread; what the copying warpgroup gives back, the others get. The small tile's blocks have enough.
  static constexpr bool kMovesRegisters = consumers == 2;
  static constexpr int kCopyRegisters = 40, kMultiplyRegisters = 232;
};

using Sm90Large = Sm90Tile<2, 256, 4>;
using Sm90Middle = Sm90Tile<2, 128, 6>;
using Sm90Small = Sm90Tile<1, 64, 6>;

struct Sm90Shape {
  RowCount rows;
  int32_t column_tiles;
  int32_t stages;  // along k
};

template <typename X>
struct Sm90Multiply;
template <>
struct Sm90Multiply<__half> {
  using Sum = float;
  static constexpr CUtensorMapDataType kType = CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  static __device__ __forceinline__ void run(float (&d)[32], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n64k16_f16(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n128k16_f16(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n256k16_f16(d, a, b, accumulate);
  }
};
template <>
struct Sm90Multiply<__nv_bfloat16> {
  using Sum = float;
  static constexpr CUtensorMapDataType kType = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  static __device__ __forceinline__ void run(float (&d)[32], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n64k16_bf16(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n128k16_bf16(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n256k16_bf16(d, a, b, accumulate);
  }
};
template <>
struct Sm90Multiply<int8_t> {
  using Sum = int32_t;
  static constexpr CUtensorMapDataType kType = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  static __device__ __forceinline__ void run(int32_t (&d)[32], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n64k32_s8(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(int32_t (&d)[64], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n128k32_s8(d, a, b, accumulate);
  }
  static __device__ __forceinline__ void run(int32_t (&d)[128], uint64_t a, uint64_t b, int accumulate) {
    ptx::wgmma_m64n256k32_s8(d, a, b, accumulate);
  }
};

// A place in the ring: its stage, and the parity of the round.
template <int stages>
struct Ring {
  int stage = 0;
  int round = 0;
  __device__ __forceinline__ void next() {
    if (++stage == stages) {
      stage = 0;
      round ^= 1;
    }
  }
};

// Four lanes have four pairs each of one row, pair f being columns 8 f + 2 lane ..: afterwards lane l has all of f = l,
// eight columns side by side.
__device__ __forceinline__ void exchange_pairs(uint32_t (&v)[4]) {
  const bool odd = threadIdx.x % 2 != 0;
  const bool upper = threadIdx.x % 4 >= 2;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {  // 2 x 2 pairs, between neighbours
    const uint32_t got = __shfl_xor_sync(0xffffffffu, odd ? v[i] : v[i + 1], 1);
    v[i] = odd ? got : v[i];
    v[i + 1] = odd ? v[i + 1] : got;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {  // 2 x 2 of those
    const uint32_t got = __shfl_xor_sync(0xffffffffu, upper ? v[i] : v[i + 2], 2);
    v[i] = upper ? got : v[i];
    v[i + 2] = upper ? v[i + 2] : got;
  }
}

// Stores a warpgroup's sums: of its 64 rows those of this thread's warp, all columns of the tile.
template <typename Sum, int count, typename Epilogue>
__device__ __forceinline__ void store_sums(const Sum (&sums)[count], const Epilogue& epilogue, int64_t first_row,
                                           int64_t rows, int64_t first_column) {
  using Y = typename Epilogue::Element;
  constexpr int kGroup = sizeof(Y) == 2 ? 4 : 1;  // fragments that are stored together
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = first_row + static_cast<int>(threadIdx.x) / 32 % 4 * 16 + lane / 4;
  typename Epilogue::Row of_row[2] = {};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    if (row + half * 8 < rows) of_row[half] = epilogue.row(row + half * 8);
  }
  uint32_t largest[2] = {};
#pragma unroll
  for (int group = 0; group < count / 4; group += kGroup) {
    const int64_t column = first_column + group * 8;
    if (column >= epilogue.out.n) break;  // for the whole warp
    typename Epilogue::template Columns<2> columns[kGroup];
#pragma unroll
    for (int f = 0; f < kGroup; ++f) columns[f] = epilogue.template columns<2>(column + f * 8 + lane % 4 * 2);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Y v[2 * kGroup];
#pragma unroll
      for (int c = 0; c < 2 * kGroup; ++c) {
        v[c] = epilogue.value(columns[c / 2], c % 2, of_row[half], sums[(group + c / 2) * 4 + half * 2 + c % 2]);
      }
      int64_t at = column + lane % 4 * 2;
      if constexpr (kGroup == 4) {
        uint32_t pairs[4];
        memcpy(pairs, v, sizeof pairs);
        exchange_pairs(pairs);
        memcpy(v, pairs, sizeof pairs);
        at = column + lane % 4 * 8;
      }
      const int valid = static_cast<int>(epilogue.out.n - at);
      if (epilogue.out.largest != nullptr) largest[half] = max(largest[half], largest_of(v, valid));
      if (row + half * 8 < rows && valid > 0) {
        store_elements(epilogue.out.y + (row + half * 8) * epilogue.out.y_pitch + at, valid, v);
      }
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) note_largest(epilogue.out.largest, row + half * 8, rows, largest[half]);
}

template <typename X, typename T, typename Epilogue>
__global__ void __launch_bounds__(T::kThreads, 1)
    gemm_sm90_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w, Sm90Shape shape,
                     Epilogue epilogue) {
  unsigned char* tiles = dynamic_shared();
  uint64_t* full = reinterpret_cast<uint64_t*>(tiles + T::kStages * T::kStageBytes);
  uint64_t* empty = full + T::kStages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < T::kStages; ++s) {
      ptx::mbarrier_init(full + s, 1);
      ptx::mbarrier_init(empty + s, 4 * T::kConsumers);  // a lane of each warp
    }
    ptx::mbarrier_fence_init();
  }
  __syncthreads();
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;
  const int64_t rows = count_of(shape.rows);
  const int tiles_in_all = static_cast<int>((rows + T::kM - 1) / T::kM) * shape.column_tiles;
  Ring<T::kStages> ring;
  if (warpgroup == T::kConsumers) {
    if constexpr (T::kMovesRegisters) ptx::fewer_registers<T::kCopyRegisters>();
    if (threadIdx.x % 128 != 0) return;
    constexpr int kStep = T::kRowBytes / static_cast<int>(sizeof(X));
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles_in_all; tile += static_cast<int>(gridDim.x)) {
      const int row = tile / shape.column_tiles * T::kM;
      const int column = tile % shape.column_tiles * T::kN;
      for (int stage = 0; stage < shape.stages; ++stage, ring.next()) {
        unsigned char* at = tiles + ring.stage * T::kStageBytes;
        ptx::mbarrier_wait(empty + ring.stage, ring.round ^ 1);
        ptx::mbarrier_arrive_expect(full + ring.stage, T::kStageBytes);
        ptx::tma_load(at, &x, stage * kStep, row, full + ring.stage);
        ptx::tma_load(at + T::kM * T::kRowBytes, &w, stage * kStep, column, full + ring.stage);
      }
    }
    return;
  }
  if constexpr (T::kMovesRegisters) ptx::more_registers<T::kMultiplyRegisters>();
  const bool arrives = threadIdx.x % 32 == 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles_in_all; tile += static_cast<int>(gridDim.x)) {
    typename Sm90Multiply<X>::Sum sums[T::kN / 2] = {};
    int before = 0;
    for (int stage = 0; stage < shape.stages; ++stage, ring.next()) {
      const unsigned char* at = tiles + ring.stage * T::kStageBytes;
      ptx::mbarrier_wait(full + ring.stage, ring.round);
      const uint64_t a = ptx::wgmma_descriptor(at + warpgroup * 64 * T::kRowBytes, ptx::Swizzle::k128);
      const uint64_t b = ptx::wgmma_descriptor(at + T::kM * T::kRowBytes, ptx::Swizzle::k128);
      ptx::wgmma_fence();
#pragma unroll
      for (int step = 0; step < T::kRowBytes / 32; ++step) {
        Sm90Multiply<X>::run(sums, a + 2 * step, b + 2 * step, stage > 0 || step > 0);
      }
      ptx::wgmma_commit();
      if (stage > 0) {
        ptx::wgmma_wait<1>();
        if (arrives) ptx::mbarrier_arrive(empty + before);
      }
      before = ring.stage;
    }
    ptx::wgmma_wait<0>();
    if (arrives) ptx::mbarrier_arrive(empty + before);
    store_sums(sums, epilogue, static_cast<int64_t>(tile / shape.column_tiles) * T::kM + warpgroup * 64, rows,
               static_cast<int64_t>(tile % shape.column_tiles) * T::kN);
  }
}

template <typename T>
int64_t tiles_of(const Operands& o) {
  return (o.n + T::kN - 1) / T::kN * ((o.rows.most + T::kM - 1) / T::kM);
}

template <typename X, typename T, typename Epilogue>
cudaError_t start_sm90(const Operands& o, const Epilogue& epilogue, const Card& card, cudaStream_t stream) {
  constexpr int kElement = static_cast<int>(sizeof(X));
  CUtensorMap x, w;
  cudaError_t status = make_tensor_map(&x, Sm90Multiply<X>::kType, kElement, o.x, o.rows.most, o.k,
                                       o.x_pitch * kElement, T::kM, T::kRowBytes / kElement);
  if (status != cudaSuccess) return status;
  status = make_tensor_map(&w, Sm90Multiply<X>::kType, kElement, o.w, o.n, o.k, o.w_pitch * kElement, T::kN,
                           T::kRowBytes / kElement);
  if (status != cudaSuccess) return status;
  const int32_t tiles = static_cast<int32_t>(tiles_of<T>(o));
  const Sm90Shape s = {o.rows, (o.n + T::kN - 1) / T::kN, (o.k * kElement + T::kRowBytes - 1) / T::kRowBytes};
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(std::min(tiles, card.multiprocessors)));
  shape.block = dim3(T::kThreads);
  shape.shared_bytes = T::kSharedBytes;
  shape.stream = stream;
  return launch(gemm_sm90_kernel<X, T, Epilogue>, shape, x, w, s, epilogue);
}

// The instance that has to bring in the least: rounds of the busiest multiprocessor times the bytes of a stage.
template <typename X, typename Epilogue>
cudaError_t gemm_sm90(const Operands& o, const Epilogue& epilogue, const Card& card, cudaStream_t stream) {
  const auto cost = [&](int64_t tiles, int64_t bytes) {
    return (tiles + card.multiprocessors - 1) / card.multiprocessors * bytes;
  };
  const int64_t large = cost(tiles_of<Sm90Large>(o), Sm90Large::kStageBytes);
  const int64_t middle = cost(tiles_of<Sm90Middle>(o), Sm90Middle::kStageBytes);
  const int64_t small = cost(tiles_of<Sm90Small>(o), Sm90Small::kStageBytes);
  if (large <= middle && large <= small) return start_sm90<X, Sm90Large>(o, epilogue, card, stream);
  if (middle <= small) return start_sm90<X, Sm90Middle>(o, epilogue, card, stream);
  return start_sm90<X, Sm90Small>(o, epilogue, card, stream);
}

}  // namespace gpu
}  // namespace espalier
#endif
