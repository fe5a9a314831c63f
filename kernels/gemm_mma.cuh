// Products on the tensor cores of every card: acc = x w^T for one tile of a block, in 16-bit or 8-bit elements.
//
// A stage is 64 bytes of k for all rows of both tiles, brought in by cp.async (stage.cuh), kStages - 1 of them ahead of
// the one that is multiplied. The columns of w's fragments are dealt out so that each lane ends up with 16 bytes of
// result side by side, and four lanes with whole sectors: fragment j of a group of kGroup has as column c the tile's
// column (c / 2) * 2 kGroup + 2 j + c % 2.
//
// Every sum is one chain of mma instructions in the order of k: tiles do not change its bits.
#ifndef ESPALIER_GEMM_MMA_CUH
#define ESPALIER_GEMM_MMA_CUH

#include "epilogue.cuh"
#include "launch.cuh"
#include "row_count.cuh"
#include "stage.cuh"

namespace espalier {
namespace gpu {

constexpr int kStages = 4;

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

// Fragments whose columns are dealt out together; a lane has 2 kGroup columns of a row.
template <typename Y>
constexpr int kGroup = 16 / static_cast<int>(sizeof(Y)) / 2;
// Rows of x are read eight in a row; of w in pairs, 2 kGroup apart.
constexpr int kShiftX = 1;
template <typename Y>
constexpr int kShiftW = kGroup<Y> == 4 ? 3 : 2;

// A warp's sums; lane's part of fragment (i, j) as ptx.cuh lays it out.
template <typename E, typename T>
struct Sums {
  typename Multiply<E>::Sum of[T::kFragmentsM][T::kFragmentsN][4];
};

template <typename E, typename T, int group, int shift_w>
__device__ __forceinline__ void multiply_stage(const unsigned char* x, const unsigned char* w, int warp_row,
                                               int warp_column, Sums<E, T>& sums) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int x_row = warp_row + lane % 16;
  const int w_row = warp_column + lane % 8 / 2 * (2 * group) + lane / 16 * 2 + lane % 2;
#pragma unroll
  for (int step = 0; step < kStageBytes / 32; ++step) {
    // The exchange of chunks is the same for all fragments: their rows are multiples of its period apart.
    const unsigned char* x_at = x + swizzled<kShiftX>(x_row, step * 2 + lane / 16);
    const unsigned char* w_at = w + swizzled<shift_w>(w_row, step * 2 + lane / 8 % 2);
    uint32_t a[T::kFragmentsM][4];
    uint32_t b[T::kFragmentsN][2];
#pragma unroll
    for (int i = 0; i < T::kFragmentsM; ++i) ptx::ldmatrix_x4(a[i], x_at + i * 16 * kStageBytes);
#pragma unroll
    for (int j = 0; j < T::kFragmentsN; j += 2) {
      uint32_t two[4];
      ptx::ldmatrix_x4(two, w_at + (j / group * 8 * group + j % group * 2) * kStageBytes);
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
template <typename E, typename T, int group, int shift_w>
__device__ __forceinline__ void multiply_tile(const Operands& o, int64_t rows, int64_t first_row, int64_t first_column,
                                              int warp_row, int warp_column, Sums<E, T>& sums) {
  unsigned char* shared = dynamic_shared();
  constexpr int kStage = (T::kM + T::kN) * kStageBytes;
  const int k_bytes = o.k * static_cast<int>(sizeof(E));
  const StageCopy<T::kM, T::kThreads, kShiftX> copy_x(o.x, o.x_pitch * sizeof(E), first_row, rows, k_bytes);
  const StageCopy<T::kN, T::kThreads, shift_w> copy_w(o.w, o.w_pitch * sizeof(E), first_column, o.n, k_bytes);
  const int stages = (k_bytes + kStageBytes - 1) / kStageBytes;
  auto copy = [&](int stage) {
    if (stage < stages) {
      unsigned char* at = shared + stage % kStages * kStage;
      copy_x.run(at, stage * kStageBytes);
      copy_w.run(at + T::kM * kStageBytes, stage * kStageBytes);
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
    multiply_stage<E, T, group, shift_w>(at, at + T::kM * kStageBytes, warp_row, warp_column, sums);
  }
}

// One tile a block.
template <typename E, typename T, typename Epilogue>
__global__ void __launch_bounds__(T::kThreads) gemm_mma_kernel(Operands o, Epilogue epilogue) {
  using Y = typename Epilogue::Element;
  constexpr int kG = kGroup<Y>;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_row = warp / (T::kN / T::kWarpN) * T::kWarpM;
  const int warp_column = warp % (T::kN / T::kWarpN) * T::kWarpN;
  const int64_t rows = count_of(o.rows);
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * T::kM;
  if (first_row >= rows) return;
  const int64_t first_column = static_cast<int64_t>(blockIdx.x) * T::kN;
  Sums<E, T> sums;
  multiply_tile<E, T, kG, kShiftW<Y>>(o, rows, first_row, first_column, warp_row, warp_column, sums);
#pragma unroll
  for (int group = 0; group < T::kFragmentsN; group += kG) {
    if (first_column + warp_column + group * 8 >= o.n) break;  // for the whole warp
    const int64_t column = first_column + warp_column + group * 8 + lane % 4 * (2 * kG);
    const int valid = static_cast<int>(o.n - column);
    const auto columns = epilogue.template columns<2 * kG>(column);
#pragma unroll
    for (int i = 0; i < 2 * T::kFragmentsM; ++i) {
      const int64_t row = first_row + warp_row + i * 8 + lane / 4;
      uint32_t largest = 0;
      if (row < rows && valid > 0) {
        const auto of_row = epilogue.row(row);
        Y v[2 * kG];
#pragma unroll
        for (int c = 0; c < 2 * kG; ++c) {
          v[c] = epilogue.value(columns, c, of_row, sums.of[i / 2][group + c / 2][i % 2 * 2 + c % 2]);
        }
        if (epilogue.out.largest != nullptr) largest = largest_of(v, valid);
        store_elements(epilogue.out.y + row * epilogue.out.y_pitch + column, valid, v);
      }
      note_largest(epilogue.out.largest, row, rows, largest);
    }
  }
}

template <typename E, typename T, typename Epilogue>
cudaError_t start_gemm_mma(const Operands& o, const Epilogue& epilogue, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid =
      dim3(static_cast<unsigned>((o.n + T::kN - 1) / T::kN), static_cast<unsigned>((o.rows.most + T::kM - 1) / T::kM));
  shape.block = dim3(T::kThreads);
  shape.shared_bytes = T::kSharedBytes;
  shape.stream = stream;
  return launch(gemm_mma_kernel<E, T, Epilogue>, shape, o, epilogue);
}

// Large tiles where they give every multiprocessor one, else small ones.
template <typename E, typename Epilogue>
cudaError_t gemm_mma(const Operands& o, const Epilogue& epilogue, const Card& card, cudaStream_t stream) {
  const int64_t large =
      ((o.n + LargeTile::kN - 1) / LargeTile::kN) * ((o.rows.most + LargeTile::kM - 1) / LargeTile::kM);
  if (large >= card.multiprocessors) return start_gemm_mma<E, LargeTile>(o, epilogue, stream);
  return start_gemm_mma<E, SmallTile>(o, epilogue, stream);
}

}  // namespace gpu
}  // namespace espalier
#endif
