// How kernels are started, and how they reach dynamic shared memory. Nothing else may use <<<>>> or extern __shared__:
// the same files are compiled as C++ for the emulator (tests/simt), which has neither.
#ifndef ESPALIER_LAUNCH_CUH
#define ESPALIER_LAUNCH_CUH

#include <cuda_runtime.h>

#include <cstddef>

namespace espalier {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;  // of dynamic shared memory
  cudaStream_t stream = nullptr;
};

template <typename T>
struct Same {
  using type = T;
};

// Starts kernel(args...) on shape.stream. A grid without blocks starts nothing. The arguments are converted to the
// kernel's parameter types. Returns what the launch returned: errors of earlier asynchronous work included.
template <typename... Parameters>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape,
                                 typename Same<Parameters>::type... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return cudaSuccess;
  constexpr size_t kWithoutAsking = 48 * 1024;
  if (shape.shared_bytes > kWithoutAsking) {
    const cudaError_t status =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shape.shared_bytes));
    if (status != cudaSuccess) return status;
  }
#if defined(__CUDACC__)
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), shape.grid, shape.block, pointers, shape.shared_bytes,
                          shape.stream);
#else
  return simt::launch(reinterpret_cast<const void*>(kernel), shape.grid, shape.block, shape.shared_bytes, shape.stream,
                      simt::call_of<Parameters...>(kernel, args...));
#endif
}

// The block's dynamic shared memory, aligned to 1024 bytes (the largest swizzle pattern repeats so).
template <typename T = unsigned char>
__device__ __forceinline__ T* dynamic_shared() {
#if defined(__CUDACC__)
  extern __shared__ __align__(1024) unsigned char espalier_dynamic_shared[];
  return reinterpret_cast<T*>(espalier_dynamic_shared);
#else
  return static_cast<T*>(simt::dynamic_shared());
#endif
}

}  // namespace espalier
#endif
