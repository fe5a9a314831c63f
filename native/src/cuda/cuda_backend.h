// What stands behind the handles of the CUDA backend.
#ifndef ESPALIER_CUDA_BACKEND_H
#define ESPALIER_CUDA_BACKEND_H

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>

#include "cuda/status.h"
#include "ops.h"
#include "table.h"

namespace espalier {
namespace gpu {

// Device memory that is owned. Its device must be current wherever one is made, grows or goes.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(int64_t bytes);  // zeroed
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;

  // At least `bytes` that ops on `stream` may use; what it held is lost if it grows.
  void reserve(int64_t bytes, cudaStream_t stream);

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  int64_t bytes() const { return bytes_; }

  // Gives the memory up, to be freed with cudaFree.
  void* release() {
    void* data = data_;
    data_ = nullptr;
    bytes_ = 0;
    return data;
  }

 private:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

// The matrix whose codes, scales and sums add_layernorm has left for the call that follows it, and no other: who knows
// what is written there later.
struct Coded {
  const void* x = nullptr;
  int64_t pitch = 0, columns = 0;
  RowCount rows = 0;
  uint64_t call = 0;
};

class Graphs;

// A device and an element type, with a stream: the backend, and each of its lanes.
struct CudaBackend : esp_backend {
  CudaBackend(const Table* table, int32_t device, int32_t dtype);
  ~CudaBackend();

  // Where the next quantization notes values that are not finite; `part` 1 is the intermediate of a feed_forward.
  Fault fault(uint32_t part);

  // Whether `codes` holds those of this matrix.
  bool is_coded(const void* x, int64_t pitch, const RowCount& rows, int64_t columns) const {
    return coded.x == x && coded.pitch == pitch && coded.rows.most == rows.most && coded.rows.count == rows.count &&
           coded.columns == columns && coded.call + 1 == calls;
  }

  // Starts the ops that are held back.
  void run_held();

  // Runs what is held back and waits for the stream; throws Error(ESP_INVALID_ARGUMENT) if a quantization since the last
  // time met such a value.
  void finish();

  const int32_t device;
  const int32_t dtype;
  Card card{};
  cudaStream_t stream = nullptr;
  DeviceMemory codes;         // of the activations of an int8 product, with their scales and sums
  DeviceMemory intermediate;  // of feed_forward
  DeviceMemory maxima;        // of its rows
  DeviceMemory values;        // fp32 rows on their way
  Coded coded;                // what `codes` holds
  bool quantizes = false;     // an int8 product has been run that takes codes as add_layernorm makes them
  uint64_t calls = 0;         // of this lane
  uint32_t tag = 0;
  int32_t fault_tag = -1;
  bool may_fault = false;          // an op that notes faults has been started
  std::unique_ptr<Graphs> graphs;  // null: ops are started at once

 private:
  DeviceMemory fault_;
  unsigned long long* fault_host_ = nullptr;
};

// Tells an object from every other, also from itself before it was changed.
uint64_t next_version();

// A linear layer: rows of elements or codes with a pitch, and bias [n].
struct CudaWeight : esp_weight {
  uint64_t version = next_version();
  int32_t device = 0;
  int32_t dtype = ESP_F32;  // of the rows: the backend's, or ESP_I8
  int32_t n = 0;
  int32_t k = 0;
  int64_t pitch = 0;
  int32_t input_block = 1;  // of ESP_I8
  DeviceMemory rows;
  DeviceMemory bias;
  DeviceMemory scales;       // of ESP_I8
  DeviceMemory zero_points;  // of ESP_I8, empty if there are none
};

struct CudaHeads : esp_heads {
  const uint64_t version = next_version();
  int32_t device = 0;
  DeviceMemory heads;
  HeadList list{};
};

inline int64_t element_bytes(int32_t dtype) { return dtype == ESP_F32 ? 4 : dtype == ESP_I8 ? 1 : 2; }

// The pitch of rows of `columns` elements: a multiple of 16 bytes.
inline int64_t pitch_of(int64_t columns, int32_t dtype) {
  const int64_t pack = 16 / element_bytes(dtype);
  return (columns + pack - 1) / pack * pack;
}

inline CudaBackend& cuda(esp_backend* backend) { return *static_cast<CudaBackend*>(backend); }

inline void begin_call(CudaBackend& b) {
  b.run_held();
  ++b.calls;
}
inline void begin_call(const CudaBackend&) {}  // starts nothing
inline void begin_call(const CudaWeight&) {}

// guard, with the object's device current, behind everything that was asked of a lane before.
template <typename Object, typename Body>
esp_status on_device(Object& object, const Body& body) noexcept {
  return guard([&] {
    check(cudaSetDevice(object.device), "choosing the device");
    begin_call(object);
    body();
  });
}

// The entries of the table, by file.
// inventory.cpp
esp_status inventory(const char* library, int32_t* count, int32_t* driver, int32_t* runtime);
esp_status describe_device(const char* library, int32_t device, char* name, int64_t* facts);
esp_status backend_create(const char* library, int32_t device, int32_t dtype, esp_backend** out);
// memory.cpp
esp_status allocate(esp_backend* backend, int64_t bytes, void** out);
void release(esp_backend* backend, void* memory);
esp_status host_allocate(esp_backend* backend, int64_t bytes, void** out);
void host_release(esp_backend* backend, void* memory);
esp_status write(esp_backend* lane, void* to, const void* from, int64_t bytes);
esp_status read(esp_backend* lane, void* to, const void* from, int64_t bytes);
esp_status write_matrix(esp_backend* lane, const float* values, int64_t rows, int64_t columns, void* y,
                        int64_t y_pitch);
esp_status read_matrix(esp_backend* lane, const void* x, int64_t x_pitch, int64_t rows, int64_t columns, float* values);
// weight.cpp
esp_status weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out);
void weight_destroy(esp_weight* weight);
esp_status weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values);
esp_status weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes, const float* scales,
                            const int32_t* zero_points);
esp_status weight_set_input_block(esp_weight* weight, int32_t block);
esp_status weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values);
int64_t weight_bytes(const esp_weight* weight);
esp_status heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                        const int32_t* v_width, const float* scale, esp_heads** out);
void heads_destroy(esp_heads* heads);

}  // namespace gpu
}  // namespace espalier
#endif
