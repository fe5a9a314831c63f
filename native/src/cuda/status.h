// The CUDA runtime's errors as ours.
#ifndef ESPALIER_CUDA_STATUS_H
#define ESPALIER_CUDA_STATUS_H

#include <cuda_runtime.h>

#include "guard.h"

namespace espalier {
namespace gpu {

// Throws Error unless `status` is cudaSuccess; the text begins with `what`, which was under way. ESP_OUT_OF_MEMORY and
// ESP_UNSUPPORTED leave the device usable; ESP_DEVICE_LOST does not: CUDA gives the same error from then on.
void check(cudaError_t status, const char* what);

// The Error for a device that has not `bytes` left.
[[noreturn]] void throw_out_of_memory(int64_t bytes, const char* where);

}  // namespace gpu
}  // namespace espalier
#endif
