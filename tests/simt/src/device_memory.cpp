// The runtime API's memory: allocation, copies, fills.
#include <cstring>
#include <vector>

#include "emulator_internal.h"
#include "memory.h"
#include "simt/emulator.h"
#include "stream.h"

using simt::done;
using Lock = std::lock_guard<std::recursive_mutex>;

namespace {

bool fits(const void* memory, size_t pitch, size_t width, size_t height, bool device) {
  if (width == 0 || height == 0) return true;
  if (pitch < width && height > 1) return false;
  const size_t bytes = pitch * (height - 1) + width;
  return device || simt::in_arena(memory) ? simt::reachable(memory, bytes) : memory != nullptr;
}

void copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height) {
  for (size_t row = 0; row < height && width > 0; ++row) {
    std::memmove(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
  }
}

bool valid_copy(const void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                cudaMemcpyKind kind) {
  return fits(to, to_pitch, width, height, kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
         fits(from, from_pitch, width, height, kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice);
}

}  // namespace

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(simt::device_lock());
  *total = simt::options().memory;
  *free = *total - simt::device_memory_used();
  return done(cudaSuccess);
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  const Lock lock(simt::device_lock());
  if (simt::failure().status != cudaSuccess) return done(cudaSuccess);
  if (simt::is_capturing()) return done(cudaErrorStreamCaptureUnsupported);
  *memory = bytes == 0 ? nullptr : simt::allocate_device(bytes);
  return done(bytes != 0 && *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaFree(void* memory) {
  const Lock lock(simt::device_lock());
  if (memory == nullptr) return done(cudaSuccess);
  if (simt::is_capturing()) return done(cudaErrorStreamCaptureUnsupported);
  simt::drain_all();
  return done(simt::free_device(memory) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) { return cudaMalloc(memory, bytes); }
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  return simt::submit(stream, [=] { simt::free_device(memory); });
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) { return cudaMallocHost(memory, bytes); }
cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  const Lock lock(simt::device_lock());
  *memory = simt::allocate_pinned(bytes);
  return done(*memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaFreeHost(void* memory) {
  const Lock lock(simt::device_lock());
  if (memory == nullptr) return done(cudaSuccess);
  simt::drain_all();
  return done(simt::free_pinned(memory) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpy2D(to, bytes, from, bytes, bytes, 1, kind);
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  const Lock lock(simt::device_lock());
  return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr);  // which waits for all
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  if (simt::failure().status != cudaSuccess) return done(cudaSuccess);
  if (!valid_copy(to, to_pitch, from, from_pitch, width, height, kind)) return done(cudaErrorInvalidValue);
  if (stream == nullptr || stream->capture != nullptr || (simt::in_arena(to) && simt::in_arena(from))) {
    return simt::submit(stream, [=] { copy_rows(to, to_pitch, from, from_pitch, width, height); });
  }
  // Memory that is not pinned: what goes to the device is taken now, what comes from it is waited for.
  if (!simt::in_arena(to)) {
    simt::drain(stream);
    if (simt::failure().status == cudaSuccess) copy_rows(to, to_pitch, from, from_pitch, width, height);
    return done(cudaSuccess);
  }
  std::vector<char> staged(width * height);
  copy_rows(staged.data(), width, from, from_pitch, width, height);
  return simt::submit(
      stream, [=, staged = std::move(staged)] { copy_rows(to, to_pitch, staged.data(), width, width, height); });
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemset2DAsync(memory, bytes, value, bytes, 1, nullptr);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return cudaMemset2DAsync(memory, bytes, value, bytes, 1, stream);
}
cudaError_t cudaMemset2DAsync(void* memory, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  if (simt::failure().status != cudaSuccess) return done(cudaSuccess);
  if (!fits(memory, pitch, width, height, true)) return done(cudaErrorInvalidValue);
  return simt::submit(stream, [=] {
    for (size_t row = 0; row < height && width > 0; ++row) {
      std::memset(static_cast<char*>(memory) + row * pitch, value, width);
    }
  });
}
