// Describes a matrix to TMA. Host code: the map goes to the kernel as a __grid_constant__ parameter.
#ifndef ESPALIER_TENSOR_MAP_CUH
#define ESPALIER_TENSOR_MAP_CUH

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace espalier {

// A row-major matrix [rows,columns] in global memory, aligned to 16 bytes as its rows are, of which TMA takes boxes of
// box_rows (up to 256) by box_columns; a box's row is as wide as the swizzle, 32, 64 or 128 bytes.
inline cudaError_t make_tensor_map(CUtensorMap* map, CUtensorMapDataType type, int element_bytes, const void* matrix,
                                   int64_t rows, int64_t columns, int64_t pitch_bytes, int box_rows, int box_columns) {
  // By the runtime library, so that nothing is linked with the driver.
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  const cudaError_t status =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
  if (status != cudaSuccess) return status;
  if (found != cudaDriverEntryPointSuccess) return cudaErrorNotSupported;
  const cuuint64_t extent[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t pitch[1] = {static_cast<cuuint64_t>(pitch_bytes)};
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_columns), static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t step[2] = {1, 1};
  const int row_bytes = box_columns * element_bytes;
  const CUtensorMapSwizzle swizzle = row_bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
                                     : row_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                                                       : CU_TENSOR_MAP_SWIZZLE_32B;
  using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                              const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                              CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  const CUresult result = reinterpret_cast<Encode>(function)(
      map, type, 2, const_cast<void*>(matrix), extent, pitch, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace espalier
#endif
