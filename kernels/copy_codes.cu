// to[t,:] = codes[t,:]   sums[t] = sum_k codes[t,k]
// codes [rows,columns] s8 contiguous   to [rows,columns] s8 with a pitch   sums [rows] s32   any rows, columns >= 0
// grid rows   block one warp   for diagnosis, not for speed        CPU twin: none, it packs as it reads
#include "launch.cuh"
#include "ops.h"
#include "reduce.cuh"

namespace espalier {
namespace gpu {
namespace {

__global__ void __launch_bounds__(32)
    copy_codes_kernel(const int8_t* codes, int columns, int8_t* to, int64_t to_pitch, int32_t* sums) {
  const int64_t row = blockIdx.x;
  int sum = 0;
  for (int c = static_cast<int>(threadIdx.x); c < columns; c += 32) {
    const int8_t code = codes[row * columns + c];
    to[row * to_pitch + c] = code;
    sum += code;
  }
  sum = __reduce_add_sync(kWholeWarp, sum);
  if (threadIdx.x == 0) sums[row] = sum;
}

}  // namespace

cudaError_t copy_codes(const int8_t* codes, int64_t rows, int64_t columns, int8_t* to, int64_t to_pitch, int32_t* sums,
                       cudaStream_t stream) {
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(rows));
  shape.block = dim3(32);
  shape.stream = stream;
  return launch(copy_codes_kernel, shape, codes, static_cast<int>(columns), to, to_pitch, sums);
}

}  // namespace gpu
}  // namespace espalier
