#include "cuda/status.h"

#include <string>

namespace espalier {
namespace gpu {
namespace {

esp_status status_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return ESP_OUT_OF_MEMORY;
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorUnsupportedPtxVersion:
      return ESP_OLD_DRIVER;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
      return ESP_NO_DEVICE;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorNotSupported:
      return ESP_UNSUPPORTED;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidResourceHandle:
      return ESP_INTERNAL;
    default:
      // Sticky errors, of an earlier kernel as a rule, are what cudaGetLastError does not clear.
      return cudaGetLastError() != cudaSuccess && cudaGetLastError() != cudaSuccess ? ESP_DEVICE_LOST : ESP_INTERNAL;
  }
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const esp_status ours = status_of(status);
  std::string text = std::string(what) + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")";
  if (ours == ESP_DEVICE_LOST) text += "; the device is lost to this process: start it anew";
  if (status == cudaErrorNoKernelImageForDevice) {
    text += "; the library was built without code for this card: build it with an ESPALIER_CUDA_CODE that has it";
  }
  if (status == cudaErrorDevicesUnavailable) text += "; another process holds it for itself alone";
  if (ours != ESP_DEVICE_LOST) cudaGetLastError();
  throw Error(ours, text);
}

void throw_out_of_memory(int64_t bytes, const char* where) {
  cudaGetLastError();
  size_t free = 0;
  size_t total = 0;
  std::string text =
      std::string("out of ") + where + " memory: " + std::to_string(bytes) + " bytes could not be allocated";
  if (cudaMemGetInfo(&free, &total) == cudaSuccess) {
    text += ", " + std::to_string(free) + " of the device's " + std::to_string(total) + " are free";
  }
  throw Error(ESP_OUT_OF_MEMORY, text);
}

}  // namespace gpu
}  // namespace espalier
