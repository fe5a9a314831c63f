// to[i] = values[i]
// to [kMostCounts] s32   the values are the kernel's parameters, so nothing on the host has to outlive the call
// grid 1   block one warp        CPU twin: none, its ops know how many rows they have
#include "launch.cuh"
#include "ops.h"

namespace espalier {
namespace gpu {
namespace {

__global__ void __launch_bounds__(32) set_counts_kernel(Counts counts, int32_t* to) {
  if (threadIdx.x < kMostCounts) to[threadIdx.x] = counts.values[threadIdx.x];
}

}  // namespace

cudaError_t set_counts(const Counts& counts, int32_t* to, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid = dim3(1);
  shape.block = dim3(32);
  shape.stream = stream;
  return launch(set_counts_kernel, shape, counts, to);
}

}  // namespace gpu
}  // namespace espalier
