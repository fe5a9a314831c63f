// gemm_int8.cu's products by wgmma m64nNk32, for compute capability 9.0.
// shapes, grid, block, smem: gemm_sm90.cuh        CPU twin: native/src/cpu/linear_int8.cpp
#include "gemm_sm90.cuh"

namespace espalier {
namespace gpu {

#define ESPALIER_GEMM_SM90(...) \
  template cudaError_t gemm_sm90<int8_t>(const Operands&, const __VA_ARGS__&, const Card&, cudaStream_t);
ESPALIER_GEMM_SM90(ScaledEpilogue<float, false>)
ESPALIER_GEMM_SM90(ScaledEpilogue<float, true>)
ESPALIER_GEMM_SM90(ScaledEpilogue<__half, false>)
ESPALIER_GEMM_SM90(ScaledEpilogue<__half, true>)
ESPALIER_GEMM_SM90(ScaledEpilogue<__nv_bfloat16, false>)
ESPALIER_GEMM_SM90(ScaledEpilogue<__nv_bfloat16, true>)
ESPALIER_GEMM_SM90(AccumulatorEpilogue)

}  // namespace gpu
}  // namespace espalier
