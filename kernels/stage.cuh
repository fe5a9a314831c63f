// Rows of a matrix on their way to shared memory by cp.async, 64 bytes of k at a time: a stage of a product's main
// loop.
//
// The four 16-byte chunks of row r lie exchanged by xor with (r >> shift) % 4. Whoever reads eight rows at once chooses
// the shift so that they lie in different banks; the copies do with any. Bytes beyond k and rows beyond the matrix
// become zeros, so that odd shapes need no copies.
#ifndef ESPALIER_STAGE_CUH
#define ESPALIER_STAGE_CUH

#include <cuda_runtime.h>

#include <cstdint>

#include "ptx.cuh"

namespace espalier {
namespace gpu {

constexpr int kStageBytes = 64;  // of k, in each row

template <int shift>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kStageBytes + ((chunk ^ ((row >> shift) & 3)) << 4);
}

// One thread's part of copying `rows_of_tile` rows: chunks `threads` apart, that is rows threads / 4 apart.
template <int rows_of_tile, int threads, int shift>
class StageCopy {
 public:
  // `matrix` [rows] of k_bytes, pitch_bytes apart; the tile begins at row `first`.
  __device__ __forceinline__ StageCopy(const void* matrix, int64_t pitch_bytes, int64_t first, int64_t rows,
                                       int64_t k_bytes) {
    const int row = static_cast<int>(threadIdx.x) / kChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kChunks;
    from_ = static_cast<const unsigned char*>(matrix) + (first + row) * pitch_bytes + chunk * 16;
    step_ = kRowsApart * pitch_bytes;
    left_ = static_cast<int>(k_bytes) - chunk * 16;
    to_ = swizzled<shift>(row, chunk);
    const int64_t below = rows - first - row;
    parts_ = static_cast<int>(below <= 0 ? 0 : below >= rows_of_tile ? kParts : (below - 1) / kRowsApart + 1);
  }

  // Starts copying bytes k .. k + 63 of the rows to `shared`.
  __device__ __forceinline__ void run(unsigned char* shared, int k) const {
    const int left = left_ - k;
    const int bytes = left < 0 ? 0 : left < 16 ? left : 16;
#pragma unroll
    for (int i = 0; i < kParts; ++i) {
      ptx::cp_async_16(shared + to_ + i * (kRowsApart * kStageBytes), from_ + i * step_ + k, i < parts_ ? bytes : 0);
    }
  }

 private:
  static constexpr int kChunks = kStageBytes / 16;
  static constexpr int kRowsApart = threads / kChunks;
  static constexpr int kParts = rows_of_tile / kRowsApart;
  static_assert(rows_of_tile % kRowsApart == 0 && kRowsApart % (4 << shift) == 0,
                "every part has its chunks exchanged alike");

  const unsigned char* from_;
  int64_t step_;  // in bytes, to the next part
  int left_;      // bytes of a row from this thread's chunk on
  int to_;
  int parts_;  // that are rows of the matrix
};

}  // namespace gpu
}  // namespace espalier
#endif
