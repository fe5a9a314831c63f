// The simulated device: what it is, its options, and launches.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>

#include "block.h"
#include "counters.h"
#include "memory.h"
#include "simt/emulator.h"
#include "stream.h"

namespace simt {
namespace {

thread_local int current_device = 0;
std::map<const void*, size_t> dynamic_limits;  // what cudaFuncSetAttribute allowed

constexpr size_t kWithoutAsking = 48 * 1024;

// The most shared memory of a block (CUDA C++ Programming Guide, technical specifications per compute capability).
size_t most_shared() {
  switch (options().capability) {
    case 80:
      return 163 * 1024;
    case 86:
    case 89:
      return 99 * 1024;
    default:
      return 227 * 1024;
  }
}

size_t dynamic_limit(const void* kernel) {
  const auto at = dynamic_limits.find(kernel);
  return at == dynamic_limits.end() ? kWithoutAsking : at->second;
}

Options from_environment() {
  Options o;
  if (const char* seed = std::getenv("ESPALIER_SIMT_SEED")) o.seed = std::strtoull(seed, nullptr, 10);
  if (const char* when = std::getenv("ESPALIER_SIMT_ASYNC")) {
    o.asynchronous = std::strcmp(when, "early") == 0  ? Asynchronous::kEarly
                     : std::strcmp(when, "late") == 0 ? Asynchronous::kLate
                                                      : Asynchronous::kRandom;
  }
  if (const char* devices = std::getenv("ESPALIER_SIMT_DEVICES")) o.devices = std::atoi(devices);
  if (const char* capability = std::getenv("ESPALIER_SIMT_CAPABILITY")) o.capability = std::atoi(capability);
  if (const char* megabytes = std::getenv("ESPALIER_SIMT_MEMORY_MB")) {
    o.memory = std::strtoull(megabytes, nullptr, 10) << 20;
  }
  if (const char* driver = std::getenv("ESPALIER_SIMT_DRIVER")) o.driver = std::atoi(driver);
  if (const char* nth = std::getenv("ESPALIER_SIMT_FAIL_ALLOCATION")) {
    o.fail_allocation = std::strtoull(nth, nullptr, 10);
  }
  if (const char* nth = std::getenv("ESPALIER_SIMT_LOSE_DEVICE")) o.lose_device = std::strtoull(nth, nullptr, 10);
  return o;
}

void run(const Grid& grid) {
  static Block block_state;
  static uint64_t launches = 0;
  if (failure().status != cudaSuccess) return;
  if (options().lose_device != 0 && --options().lose_device == 0) {
    failure() = Failure{cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"};
    return;
  }
  enter_module(grid.kernel);
  const uint64_t blocks = uint64_t{grid.shape.x} * grid.shape.y * grid.shape.z;
  count_launch(grid.kernel, blocks);
  std::mt19937_64 random(options().seed + ++launches);
  std::vector<uint32_t> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  for (const uint32_t b : order) {
    block_state.run(grid, uint3{b % grid.shape.x, b / grid.shape.x % grid.shape.y, b / grid.shape.x / grid.shape.y},
                    random());
    if (block_state.failure.empty()) continue;
    failure().status = cudaErrorLaunchFailure;
    failure().report = kernel_name(grid.kernel) + ": " + block_state.failure;
    return;
  }
}

}  // namespace

Options& options() {
  static Options instance = from_environment();
  return instance;
}

std::string report() {
  const std::lock_guard<std::recursive_mutex> lock(device_lock());
  return failure().report;
}

void reset() {
  const std::lock_guard<std::recursive_mutex> lock(device_lock());
  failure() = Failure{};
  cudaGetLastError();
}

cudaError_t launch(const void* kernel, dim3 grid, dim3 block_shape, size_t shared_bytes, cudaStream_t stream,
                   const Call& call) {
  const std::lock_guard<std::recursive_mutex> lock(device_lock());
  const uint64_t threads = uint64_t{block_shape.x} * block_shape.y * block_shape.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 ||
      threads == 0 || threads > 1024 || block_shape.z > 64) {
    return done(cudaErrorInvalidConfiguration);
  }
  if (shared_bytes > dynamic_limit(kernel)) return done(cudaErrorInvalidValue);
  return submit(stream, [=] { run(Grid{kernel, grid, block_shape, shared_bytes, &call}); });
}

}  // namespace simt

using simt::done;
using Lock = std::lock_guard<std::recursive_mutex>;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorECCUncorrectable:
      return "cudaErrorECCUncorrectable";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    default:
      return "cudaErrorUnknown";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  const Lock lock(simt::device_lock());
  if (error == simt::failure().status && !simt::failure().report.empty()) return simt::failure().report.c_str();
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    default:
      return cudaGetErrorName(error);
  }
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::options().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (simt::options().driver / 1000 < CUDART_VERSION / 1000) return done(cudaErrorInsufficientDriver);
  *count = simt::options().devices;
  return done(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::options().devices) return done(cudaErrorInvalidDevice);
  simt::current_device = device;
  return done(cudaSuccess);
}
cudaError_t cudaGetDevice(int* device) {
  *device = simt::current_device;
  return done(cudaSuccess);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= simt::options().devices) return done(cudaErrorInvalidDevice);
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "Espalier emulator");
  p.totalGlobalMem = simt::options().memory;
  p.sharedMemPerBlock = simt::kWithoutAsking;
  p.sharedMemPerBlockOptin = simt::most_shared();
  p.sharedMemPerMultiprocessor = simt::most_shared() + 1024;
  p.regsPerBlock = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiProcessor = 2048;
  p.major = simt::options().capability / 10;
  p.minor = simt::options().capability % 10;
  p.multiProcessorCount = simt::options().multiprocessors;
  p.l2CacheSize = 1 << 20;
  p.pciBusID = device;
  *properties = p;
  return done(cudaSuccess);
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (cudaGetDeviceProperties(&p, device) != cudaSuccess) return done(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    default:
      return done(cudaErrorInvalidValue);
  }
  return done(cudaSuccess);
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(simt::device_lock());
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return done(cudaSuccess);
  if (value < 0 || static_cast<size_t>(value) > simt::most_shared()) return done(cudaErrorInvalidValue);
  simt::dynamic_limits[kernel] = static_cast<size_t>(value);
  return done(cudaSuccess);
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  const Lock lock(simt::device_lock());
  *attributes = cudaFuncAttributes{};
  attributes->maxThreadsPerBlock = 1024;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(simt::dynamic_limit(kernel));
  return done(cudaSuccess);
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads, size_t shared_bytes) {
  if (threads < 1 || threads > 1024) return done(cudaErrorInvalidValue);
  const int by_threads = 2048 / threads;
  const int by_shared = static_cast<int>((simt::most_shared() + 1024) / (shared_bytes + 1024));
  *blocks = by_threads < by_shared ? by_threads : by_shared;
  return done(cudaSuccess);
}
