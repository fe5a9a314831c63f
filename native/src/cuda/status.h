// The CUDA runtime's errors as ours.
#ifndef ESPALIER_CUDA_STATUS_H
#define ESPALIER_CUDA_STATUS_H

#include <cuda_runtime.h>

#include "guard.h"

namespace espalier {
namespace gpu {

// Throws Error unless `status` is cudaSuccess; the text begins with `what`, which was under way. After ESP_DEVICE_LOST
// CUDA gives the same error for ever; all others leave the device as it was.
void check(cudaError_t status, const char* what);

// The Error for a device that has not `bytes` left.
[[noreturn]] void throw_out_of_memory(int64_t bytes, const char* where);

}  // namespace gpu
}  // namespace espalier
#endif
