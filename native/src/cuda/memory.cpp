// Memory of the device and of the host, and copies between them.
#include "cuda/cuda_backend.h"

namespace espalier {
namespace gpu {

esp_status allocate(esp_backend* backend, int64_t bytes, void** out) {
  return on_device(cuda(backend), [&] { *out = DeviceMemory(bytes).release(); });
}

// Tried on a lost device as well: what the driver still gives back, it gives back.
void release(esp_backend* backend, void* memory) {
  cudaSetDevice(cuda(backend).device);
  cudaFree(memory);
}

esp_status host_allocate(esp_backend* backend, int64_t bytes, void** out) {
  return on_device(cuda(backend), [&] {
    void* memory = nullptr;
    const cudaError_t status =
        bytes < 0 ? cudaErrorMemoryAllocation
                  : cudaHostAlloc(&memory, static_cast<size_t>(bytes < 16 ? 16 : bytes), cudaHostAllocDefault);
    if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes, "pinned host");
    check(status, "allocating pinned memory");
    *out = memory;
  });
}

void host_release(esp_backend* backend, void* memory) {
  cudaSetDevice(cuda(backend).device);
  cudaFreeHost(memory);
}

esp_status write(esp_backend* lane, void* to, const void* from, int64_t bytes) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, b.stream),
          "writing to the device");
  });
}

esp_status read(esp_backend* lane, void* to, const void* from, int64_t bytes) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    if (bytes != 0) {
      check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, b.stream),
            "reading from the device");
    }
    b.finish();
  });
}

esp_status write_matrix(esp_backend* lane, const float* values, int64_t rows, int64_t columns, void* y,
                        int64_t y_pitch) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    const int64_t bytes = rows * columns * static_cast<int64_t>(sizeof(float));
    if (bytes == 0) return;
    b.values.reserve(bytes, b.stream);
    check(cudaMemcpyAsync(b.values.as<void>(), values, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, b.stream),
          "writing to the device");
    check(convert_from_f32(b.dtype, b.values.as<float>(), rows, columns, y, y_pitch, b.stream), "convert");
  });
}

esp_status read_matrix(esp_backend* lane, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                       float* values) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    const int64_t bytes = rows * columns * static_cast<int64_t>(sizeof(float));
    if (bytes != 0) {
      b.values.reserve(bytes, b.stream);
      check(convert_to_f32(b.dtype, x, x_pitch, rows, columns, b.values.as<float>(), b.stream), "convert");
      check(cudaMemcpyAsync(values, b.values.as<void>(), static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, b.stream),
            "reading from the device");
    }
    b.finish();
  });
}

}  // namespace gpu
}  // namespace espalier
