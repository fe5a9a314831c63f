#include "cuda/cuda_backend.h"

#include <atomic>
#include <string>
#include <utility>

#include "cuda/graphs.h"

namespace espalier {
namespace gpu {

uint64_t next_version() {
  static std::atomic<uint64_t> version{0};
  return ++version;
}

DeviceMemory::DeviceMemory(int64_t bytes) : bytes_(bytes) {
  const size_t size = static_cast<size_t>(bytes < 16 ? 16 : bytes);
  const cudaError_t status = bytes < 0 ? cudaErrorMemoryAllocation : cudaMalloc(&data_, size);
  if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes, "device");
  check(status, "allocating device memory");
  const cudaError_t cleared = cudaMemset(data_, 0, size);
  const cudaError_t waited = cleared == cudaSuccess ? cudaStreamSynchronize(nullptr) : cleared;
  if (waited != cudaSuccess) {
    cudaFree(data_);
    check(waited, "clearing device memory");
  }
}

DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr) cudaFree(data_);
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void DeviceMemory::reserve(int64_t bytes, cudaStream_t stream) {
  if (bytes <= bytes_) return;
  check(cudaStreamSynchronize(stream), "waiting for the device");
  *this = DeviceMemory();  // gives the old memory back first
  *this = DeviceMemory(bytes);
}

CudaBackend::CudaBackend(const Table* t, int32_t device_index, int32_t element)
    : esp_backend{t}, device(device_index), dtype(element) {
  int major = 0;
  int minor = 0;
  check(cudaDeviceGetAttribute(&card.multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "asking for multiprocessors");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the capability");
  card.capability = 10 * major + minor;
  fault_ = DeviceMemory(sizeof(unsigned long long));
  check(cudaMemset(fault_.as<void>(), 0xff, sizeof(unsigned long long)), "clearing device memory");
  check(cudaStreamSynchronize(nullptr), "clearing device memory");
  void* host = nullptr;
  check(cudaHostAlloc(&host, sizeof(unsigned long long), cudaHostAllocDefault), "allocating pinned memory");
  fault_host_ = static_cast<unsigned long long*>(host);
  const cudaError_t status = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (status != cudaSuccess) {
    cudaFreeHost(fault_host_);
    check(status, "creating a stream");
  }
}

CudaBackend::~CudaBackend() {
  cudaSetDevice(device);
  cudaStreamSynchronize(stream);
  graphs.reset();  // what is held back was not waited for
  cudaStreamDestroy(stream);
  cudaFreeHost(fault_host_);
}

Fault CudaBackend::fault(uint32_t part) {
  may_fault = true;
  return {fault_.as<unsigned long long>(), 2 * tag + part};
}

void CudaBackend::run_held() {
  if (graphs != nullptr) graphs->run(*this);
}

void CudaBackend::finish() {
  run_held();
  if (may_fault) {
    check(cudaMemcpyAsync(fault_host_, fault_.as<void>(), sizeof *fault_host_, cudaMemcpyDeviceToHost, stream),
          "reading from the device");
  }
  check(cudaStreamSynchronize(stream), "running on the device");
  if (!may_fault) return;
  may_fault = false;
  const unsigned long long least = *fault_host_;
  if (least == ~0ull) return;
  check(cudaMemsetAsync(fault_.as<void>(), 0xff, sizeof *fault_host_, stream), "clearing device memory");
  const uint32_t key = static_cast<uint32_t>(least >> 32);
  fault_tag = static_cast<int32_t>(key / 2);
  throw Error(ESP_INVALID_ARGUMENT, "row " + std::to_string(least & 0xffffffffu) + " of " +
                                        (key % 2 == 0 ? "x" : "the activated intermediate") +
                                        " has a value that is not finite");
}

}  // namespace gpu
}  // namespace espalier
