// The main loop of the tensor-core products: acc = x w^T for one tile of a block, in 16-bit or 8-bit elements.
//
// Both operands are rows of bytes along k. A stage is 64 bytes of k for all rows of both tiles, brought in by cp.async,
// kStages - 1 of them ahead of the one that is multiplied. In shared memory the four 16-byte chunks of row r are
// exchanged by xor with (r / 2) % 4, so that neither the copies nor ldmatrix meet a bank twice. Bytes beyond k and rows
// beyond the matrix are filled with zeros, so that odd shapes need no copies.
//
// Every sum is one chain of mma instructions in the order of k: tiles do not change its bits.
#ifndef ESPALIER_GEMM_MMA_CUH
#define ESPALIER_GEMM_MMA_CUH

#include "activate.cuh"
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "ptx.cuh"

namespace espalier {
namespace gpu {

constexpr int kStages = 4;
constexpr int kStageBytes = 64;  // of k

// A block's tile, cut into the tiles of its warps.
template <int m, int n, int warp_m, int warp_n>
struct Tile {
  static constexpr int kM = m, kN = n;
  static constexpr int kWarpM = warp_m, kWarpN = warp_n;
  static constexpr int kThreads = m / warp_m * (n / warp_n) * 32;
  static constexpr int kFragmentsM = warp_m / 16, kFragmentsN = warp_n / 8;
  static constexpr int kSharedBytes = kStages * (m + n) * kStageBytes;
};

using LargeTile = Tile<128, 128, 64, 32>;
using SmallTile = Tile<64, 64, 32, 32>;

// The products that mma.sync knows: sums of type Sum.
template <typename E>
struct Multiply;
template <>
struct Multiply<__half> {
  using Sum = float;
  static __device__ __forceinline__ void run(Sum (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    ptx::mma_m16n8k16_f16(d, a, b);
  }
};
template <>
struct Multiply<__nv_bfloat16> {
  using Sum = float;
  static __device__ __forceinline__ void run(Sum (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    ptx::mma_m16n8k16_bf16(d, a, b);
  }
};
template <>
struct Multiply<int8_t> {
  using Sum = int32_t;
  static __device__ __forceinline__ void run(Sum (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    ptx::mma_m16n8k32_s8(d, a, b);
  }
};

__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kStageBytes + ((chunk ^ ((row >> 1) & 3)) << 4);
}

// Copies `rows_of_tile` rows of 64 bytes, from byte k of each on.
template <int rows_of_tile, int threads>
__device__ __forceinline__ void copy_stage(unsigned char* shared, const unsigned char* matrix, int64_t pitch_bytes,
                                           int64_t first, int64_t rows, int64_t k, int64_t k_bytes) {
  constexpr int kChunks = rows_of_tile * (kStageBytes / 16);
#pragma unroll
  for (int i = 0; i < (kChunks + threads - 1) / threads; ++i) {
    const int index = static_cast<int>(threadIdx.x) + i * threads;
    if (kChunks % threads != 0 && index >= kChunks) break;
    const int row = index / (kStageBytes / 16);
    const int chunk = index % (kStageBytes / 16);
    const int64_t at = k + chunk * 16;
    const int64_t left = first + row < rows ? k_bytes - at : 0;
    const int bytes = static_cast<int>(left < 0 ? 0 : left < 16 ? left : 16);
    const unsigned char* from = bytes == 0 ? matrix : matrix + (first + row) * pitch_bytes + at;
    ptx::cp_async_16(shared + swizzled(row, chunk), from, bytes);
  }
}

// A warp's sums; lane's part of fragment (i, j) as ptx.cuh lays it out.
template <typename E, typename T>
struct Sums {
  typename Multiply<E>::Sum of[T::kFragmentsM][T::kFragmentsN][4];
};

template <typename E, typename T>
__device__ __forceinline__ void multiply_stage(const unsigned char* x, const unsigned char* w, int warp_row,
                                               int warp_column, Sums<E, T>& sums) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int step = 0; step < kStageBytes / 32; ++step) {
    uint32_t a[T::kFragmentsM][4];
    uint32_t b[T::kFragmentsN][2];
#pragma unroll
    for (int i = 0; i < T::kFragmentsM; ++i) {
      ptx::ldmatrix_x4(a[i], x + swizzled(warp_row + i * 16 + lane % 16, step * 2 + lane / 16));
    }
#pragma unroll
    for (int j = 0; j < T::kFragmentsN; j += 2) {
      uint32_t two[4];
      ptx::ldmatrix_x4(two, w + swizzled(warp_column + j * 8 + lane % 8 + lane / 16 * 8, step * 2 + lane / 8 % 2));
      b[j][0] = two[0];
      b[j][1] = two[1];
      b[j + 1][0] = two[2];
      b[j + 1][1] = two[3];
    }
#pragma unroll
    for (int i = 0; i < T::kFragmentsM; ++i) {
#pragma unroll
      for (int j = 0; j < T::kFragmentsN; ++j) Multiply<E>::run(sums.of[i][j], a[i], b[j]);
    }
  }
}

// The tile at (first_row, first_column), for all threads of the block.
template <typename E, typename T>
__device__ __forceinline__ void multiply_tile(const Operands& o, int64_t first_row, int64_t first_column, int warp_row,
                                              int warp_column, Sums<E, T>& sums) {
  unsigned char* shared = dynamic_shared();
  constexpr int kStage = (T::kM + T::kN) * kStageBytes;
  const unsigned char* x = static_cast<const unsigned char*>(o.x);
  const unsigned char* w = static_cast<const unsigned char*>(o.w);
  const int64_t k_bytes = o.k * static_cast<int64_t>(sizeof(E));
  const int stages = static_cast<int>((k_bytes + kStageBytes - 1) / kStageBytes);
  auto copy = [&](int stage) {
    if (stage < stages) {
      unsigned char* at = shared + stage % kStages * kStage;
      const int64_t k = static_cast<int64_t>(stage) * kStageBytes;
      copy_stage<T::kM, T::kThreads>(at, x, o.x_pitch * sizeof(E), first_row, o.rows, k, k_bytes);
      copy_stage<T::kN, T::kThreads>(at + T::kM * kStageBytes, w, o.w_pitch * sizeof(E), first_column, o.n, k, k_bytes);
    }
    ptx::cp_async_commit();  // an empty group where there is nothing left, so that waiting counts the same
  };
#pragma unroll
  for (int i = 0; i < T::kFragmentsM; ++i) {
#pragma unroll
    for (int j = 0; j < T::kFragmentsN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums.of[i][j][e] = 0;
    }
  }
#pragma unroll
  for (int stage = 0; stage < kStages - 1; ++stage) copy(stage);
  for (int stage = 0; stage < stages; ++stage) {
    ptx::cp_async_wait<kStages - 2>();
    __syncthreads();  // this stage is there for all, and all are done with the one that is overwritten next
    copy(stage + kStages - 1);
    const unsigned char* at = shared + stage % kStages * kStage;
    multiply_stage<E, T>(at, at + T::kM * kStageBytes, warp_row, warp_column, sums);
  }
}

// One tile a block. `store(row, column, first, second)` gets the sums of two columns of one row, row and column inside
// the result, column even; the second column may be beyond it.
template <typename E, typename T, typename Store>
__global__ void __launch_bounds__(T::kThreads) gemm_mma_kernel(Operands o, Store store) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_row = warp / (T::kN / T::kWarpN) * T::kWarpM;
  const int warp_column = warp % (T::kN / T::kWarpN) * T::kWarpN;
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * T::kM;
  const int64_t first_column = static_cast<int64_t>(blockIdx.x) * T::kN;
  Sums<E, T> sums;
  multiply_tile<E, T>(o, first_row, first_column, warp_row, warp_column, sums);
#pragma unroll
  for (int i = 0; i < T::kFragmentsM; ++i) {
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      const int64_t row = first_row + warp_row + i * 16 + upper * 8 + lane / 4;
      if (row >= o.rows) continue;
#pragma unroll
      for (int j = 0; j < T::kFragmentsN; ++j) {
        const int64_t column = first_column + warp_column + j * 8 + lane % 4 * 2;
        if (column < o.n) store(row, column, sums.of[i][j][2 * upper], sums.of[i][j][2 * upper + 1]);
      }
    }
  }
}

template <typename E, typename T, typename Store>
cudaError_t start_gemm_mma(const Operands& o, const Store& store, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid =
      dim3(static_cast<unsigned>((o.n + T::kN - 1) / T::kN), static_cast<unsigned>((o.rows + T::kM - 1) / T::kM));
  shape.block = dim3(T::kThreads);
  shape.shared_bytes = T::kSharedBytes;
  shape.stream = stream;
  return launch(gemm_mma_kernel<E, T, Store>, shape, o, store);
}

// Large tiles where they give every multiprocessor one, else small ones.
template <typename E, typename Store>
cudaError_t gemm_mma(const Operands& o, const Store& store, int32_t multiprocessors, cudaStream_t stream) {
  const int64_t large = ((o.n + LargeTile::kN - 1) / LargeTile::kN) * ((o.rows + LargeTile::kM - 1) / LargeTile::kM);
  if (large >= multiprocessors) return start_gemm_mma<E, LargeTile>(o, store, stream);
  return start_gemm_mma<E, SmallTile>(o, store, stream);
}

// Stores two columns of a row as elements, after the activation.
template <typename E>
struct StoreElements {
  E* y;
  int64_t y_pitch;
  int32_t n;
  int32_t activation;

  __device__ __forceinline__ void operator()(int64_t row, int64_t column, float first, float second) const {
    E pair[2] = {from_float<E>(first), from_float<E>(second)};
    if (activation != kNoActivation) {
      pair[0] = from_float<E>(activate(activation, to_float(pair[0])));
      pair[1] = from_float<E>(activate(activation, to_float(pair[1])));
    }
    E* p = y + row * y_pitch + column;
    if (column + 1 < n) {
      store_pair(p, pair);
    } else {
      *p = pair[0];
    }
  }

 private:
  // One instruction: p is a multiple of two elements.
  static __device__ __forceinline__ void store_pair(E* p, const E (&pair)[2]) {
    if constexpr (sizeof(E) == 2) {
      uint32_t bits;
      memcpy(&bits, pair, sizeof bits);
      *reinterpret_cast<uint32_t*>(p) = bits;
    } else {
      *reinterpret_cast<float2*>(p) = make_float2(to_float(pair[0]), to_float(pair[1]));
    }
  }
};

}  // namespace gpu
}  // namespace espalier
#endif
