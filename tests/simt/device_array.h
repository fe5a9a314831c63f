// Device memory in tests.
#ifndef SIMT_TESTS_DEVICE_ARRAY_H
#define SIMT_TESTS_DEVICE_ARRAY_H

#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "simt/emulator.h"

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) {
    CHECK(cudaMalloc(&data_, size_ * sizeof(T)) == cudaSuccess);
    CHECK(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  explicit DeviceArray(size_t size) : size_(size) { CHECK(cudaMalloc(&data_, size_ * sizeof(T)) == cudaSuccess); }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> v(size_);
    CHECK(cudaMemcpy(v.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return v;
  }

 private:
  T* data_ = nullptr;
  size_t size_;
};

// The kernel that was launched went well.
inline void check_clean(cudaError_t launched) {
  CHECK(launched == cudaSuccess);
  if (cudaDeviceSynchronize() != cudaSuccess) check::fail(__FILE__, __LINE__, simt::report());
  simt::reset();
}

// The emulator stopped it, and its report holds one of the texts: the schedule decides what is met first.
inline void check_caught(cudaError_t launched, const std::vector<std::string>& texts) {
  (void)launched;
  const cudaError_t status = cudaDeviceSynchronize();
  const std::string report = simt::report();
  const bool named = std::any_of(texts.begin(), texts.end(),
                                 [&](const std::string& text) { return report.find(text) != std::string::npos; });
  if (status != cudaErrorLaunchFailure || !named) {
    check::fail(__FILE__, __LINE__, "expected a report with \"" + texts[0] + "\", got \"" + report + "\"");
  }
  simt::reset();
}

#endif
