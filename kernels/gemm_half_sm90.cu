// gemm_half.cu's products by wgmma m64nNk16, for compute capability 9.0.
// shapes, grid, block, smem: gemm_sm90.cuh        CPU twin: native/src/cpu/linear.cpp
#include "gemm_sm90.cuh"

namespace espalier {
namespace gpu {

#define ESPALIER_GEMM_SM90(E)                                                                                   \
  template cudaError_t gemm_sm90<E>(const Operands&, const BiasEpilogue<E, false>&, const Card&, cudaStream_t); \
  template cudaError_t gemm_sm90<E>(const Operands&, const BiasEpilogue<E, true>&, const Card&, cudaStream_t);
ESPALIER_GEMM_SM90(__half)
ESPALIER_GEMM_SM90(__nv_bfloat16)

}  // namespace gpu
}  // namespace espalier
