// Devices and versions, and what is said where something is missing.
#include <cstdio>
#include <string>

#include "cuda/cuda_backend.h"
#include "cuda/cuda_table.h"

namespace espalier {
namespace gpu {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// NVIDIA's "CUDA Compatibility", minor version compatibility: the oldest driver for a major version of CUDA.
const char* oldest_driver() { return CUDART_VERSION >= 13000 ? "580" : "525"; }

int count_devices(int* driver) {
  *driver = 0;
  if (cudaDriverGetVersion(driver) != cudaSuccess) cudaGetLastError();
  if (*driver == 0) {
    throw Error(ESP_NO_DRIVER, std::string("there is no NVIDIA driver (libcuda.so.1) here: install version ") +
                                   oldest_driver() + " or newer; in a container, start it with the NVIDIA runtime");
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    cudaGetLastError();
    throw Error(ESP_OLD_DRIVER, "the NVIDIA driver knows CUDA " + version_text(*driver) + ", this build needs CUDA " +
                                    version_text(CUDART_VERSION) + ": install driver " + oldest_driver() + " or newer");
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    cudaGetLastError();
    throw Error(ESP_NO_DEVICE,
                "the NVIDIA driver sees no device: is CUDA_VISIBLE_DEVICES empty, or the container without --gpus?");
  }
  check(status, "looking for devices");
  return count;
}

void require_device(int32_t device, int count) {
  if (device < 0 || device >= count) {
    throw Error(ESP_NO_DEVICE, "there is no CUDA device " + std::to_string(device) + ": devices are 0 to " +
                                   std::to_string(count - 1));
  }
}

}  // namespace

esp_status inventory(const char*, int32_t* count, int32_t* driver, int32_t* runtime) {
  return guard([&] {
    *runtime = CUDART_VERSION;
    *count = count_devices(driver);
  });
}

esp_status describe_device(const char*, int32_t device, char* name, int64_t* facts) {
  return guard([&] {
    int driver = 0;
    require_device(device, count_devices(&driver));
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device), "asking for the device's properties");
    std::snprintf(name, 256, "%s", properties.name);
    facts[ESP_CUDA_MAJOR] = properties.major;
    facts[ESP_CUDA_MINOR] = properties.minor;
    facts[ESP_CUDA_MULTIPROCESSORS] = properties.multiProcessorCount;
    facts[ESP_CUDA_MEMORY] = static_cast<int64_t>(properties.totalGlobalMem);
    size_t free = 0;
    size_t total = 0;
    check(cudaSetDevice(device), "choosing the device");
    check(cudaMemGetInfo(&free, &total), "asking for free memory");
    facts[ESP_CUDA_FREE_MEMORY] = static_cast<int64_t>(free);
  });
}

esp_status backend_create(const char*, int32_t device, int32_t dtype, esp_backend** out) {
  return guard([&] {
    int driver = 0;
    require_device(device, count_devices(&driver));
    if (dtype != ESP_F32 && dtype != ESP_F16 && dtype != ESP_BF16) {
      throw Error(ESP_INVALID_ARGUMENT,
                  "backend dtype " + std::to_string(dtype) + " is unknown, expected 0 (f32), 2 (fp16) or 3 (bf16)");
    }
    int major = 0;
    int minor = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the capability");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the capability");
    if (major < 8) {
      throw Error(ESP_OLD_DEVICE, "device " + std::to_string(device) + " has compute capability " +
                                      std::to_string(major) + "." + std::to_string(minor) +
                                      ": 8.0 (Ampere) or newer is needed");
    }
    check(cudaSetDevice(device), "choosing the device");
    *out = new CudaBackend(&cuda_table().ops, device, dtype);
  });
}

}  // namespace gpu
}  // namespace espalier
