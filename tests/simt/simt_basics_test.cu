// What every kernel is made of, run right: indices, shared memory, barriers, shuffles, atomics, vectors, cp.async, mma.
#include <numeric>

#include "device_array.h"
#include "launch.cuh"
#include "ptx.cuh"

using espalier::launch;
using espalier::LaunchShape;

namespace {

__global__ void scale(const float* x, float factor, int count, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = x[i] * factor;
}

__global__ void block_sum(const float* x, int count, float* y) {
  __shared__ float of_warp[8];
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) sum += x[i];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (unsigned w = 1; w < blockDim.x / 32; ++w) sum += of_warp[w];
    *y = sum;
  }
}

__global__ void transpose(const float4* x, float4* y) {  // 32 x 32
  float* tile = espalier::dynamic_shared<float>();       // rows 33 apart
  const int t = static_cast<int>(threadIdx.x);           // 256 threads
  const float4 in = x[t];
  const int row = t / 8, column = t % 8 * 4;
  tile[row * 33 + column] = in.x;
  tile[row * 33 + column + 1] = in.y;
  tile[row * 33 + column + 2] = in.z;
  tile[row * 33 + column + 3] = in.w;
  __syncthreads();
  y[t] = make_float4(tile[column * 33 + row], tile[(column + 1) * 33 + row], tile[(column + 2) * 33 + row],
                     tile[(column + 3) * 33 + row]);
}

__global__ void histogram(const int* x, int count, int* y) {
  __shared__ int bins[16];
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) atomicAdd(&bins[x[i]], 1);
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&y[threadIdx.x], bins[threadIdx.x]);
}

__global__ void multiply_s8(const int8_t* a, const int8_t* b, int32_t* d) {  // a [16,32], b [8,32], d [16,8]
  int8_t* tile_a = espalier::dynamic_shared<int8_t>();
  int8_t* tile_b = tile_a + 512;
  const int lane = static_cast<int>(threadIdx.x);
  espalier::ptx::cp_async_16(tile_a + 16 * lane, a + 16 * lane);
  if (lane < 16) espalier::ptx::cp_async_16(tile_b + 16 * lane, b + 16 * lane);
  espalier::ptx::cp_async_commit();
  espalier::ptx::cp_async_wait<0>();
  __syncwarp();
  uint32_t fa[4], fb[2];
  espalier::ptx::ldmatrix_x4(fa, tile_a + lane % 16 * 32 + lane / 16 * 16);
  espalier::ptx::ldmatrix_x2(fb, tile_b + lane % 8 * 32 + lane / 8 % 2 * 16);
  int32_t sum[4] = {0, 0, 0, 0};
  espalier::ptx::mma_m16n8k32_s8(sum, fa, fb);
  for (int i = 0; i < 4; ++i) d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}

__global__ void multiply_f16(const __half* a, const __half* b, float* d) {  // a [16,16], b [16,8] row-major, d [16,8]
  __half* tile_a = espalier::dynamic_shared<__half>();
  __half* tile_b = tile_a + 256;
  const int lane = static_cast<int>(threadIdx.x);
  espalier::ptx::cp_async_16(tile_a + 8 * lane, a + 8 * lane);
  if (lane < 16) espalier::ptx::cp_async_16(tile_b + 8 * lane, b + 8 * lane);
  espalier::ptx::cp_async_commit();
  espalier::ptx::cp_async_wait<0>();
  __syncwarp();
  uint32_t fa[4], fb[2];
  espalier::ptx::ldmatrix_x4(fa, tile_a + lane % 16 * 16 + lane / 16 * 8);
  espalier::ptx::ldmatrix_x2_trans(fb, tile_b + lane % 16 * 8);
  float sum[4] = {0, 0, 0, 0};
  espalier::ptx::mma_m16n8k16_f16(sum, fa, fb);
  for (int i = 0; i < 4; ++i) d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}

template <typename T>
std::vector<T> iota(size_t count) {
  std::vector<T> v(count);
  std::iota(v.begin(), v.end(), T{0});
  return v;
}

void test_scale() {
  const DeviceArray<float> x(iota<float>(1000)), y(size_t{1000});
  check_clean(launch(scale, LaunchShape{4, 256}, x.get(), 2, 1000, y.get()));
  const std::vector<float> result = y.values();
  for (int i = 0; i < 1000; ++i) CHECK(result[static_cast<size_t>(i)] == 2.0f * static_cast<float>(i));
}

void test_block_sum() {
  const DeviceArray<float> x(iota<float>(1000)), y(size_t{1});
  check_clean(launch(block_sum, LaunchShape{1, 256}, x.get(), 1000, y.get()));
  CHECK(y.values()[0] == 499500.0f);
}

void test_transpose() {
  const DeviceArray<float> x(iota<float>(1024)), y(size_t{1024});
  check_clean(launch(transpose, LaunchShape{1, 256, 33 * 32 * sizeof(float)}, reinterpret_cast<const float4*>(x.get()),
                     reinterpret_cast<float4*>(y.get())));
  const std::vector<float> result = y.values();
  for (size_t i = 0; i < 1024; ++i) CHECK(result[i] == static_cast<float>(i % 32 * 32 + i / 32));
}

void test_histogram() {
  std::vector<int> values(999);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i * i % 16);
  std::vector<int> expected(16, 0);
  for (int v : values) expected[static_cast<size_t>(v)] += 3;
  const DeviceArray<int> x(values), y(std::vector<int>(16, 0));
  check_clean(launch(histogram, LaunchShape{3, 96}, x.get(), 999, y.get()));
  CHECK(y.values() == expected);
}

void test_multiply_s8() {
  std::vector<int8_t> a(512), b(256);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<int8_t>(i * 59 % 255 - 127);
  const DeviceArray<int8_t> da(a), db(b);
  const DeviceArray<int32_t> d(size_t{128});
  check_clean(launch(multiply_s8, LaunchShape{1, 32, 768}, da.get(), db.get(), d.get()));
  const std::vector<int32_t> result = d.values();
  for (size_t m = 0; m < 16; ++m) {
    for (size_t n = 0; n < 8; ++n) {
      int32_t sum = 0;
      for (size_t k = 0; k < 32; ++k) sum += a[m * 32 + k] * b[n * 32 + k];
      CHECK(result[m * 8 + n] == sum);
    }
  }
}

void test_multiply_f16() {
  std::vector<__half> a(256), b(128);
  for (size_t i = 0; i < a.size(); ++i) a[i] = __half(static_cast<float>(i * 37 % 255) - 127.0f);
  for (size_t i = 0; i < b.size(); ++i) b[i] = __half(static_cast<float>(i * 59 % 255) - 127.0f);
  const DeviceArray<__half> da(a), db(b);
  const DeviceArray<float> d(size_t{128});
  check_clean(launch(multiply_f16, LaunchShape{1, 32, 768}, da.get(), db.get(), d.get()));
  const std::vector<float> result = d.values();
  for (size_t m = 0; m < 16; ++m) {
    for (size_t n = 0; n < 8; ++n) {
      float sum = 0;
      for (size_t k = 0; k < 16; ++k) sum += float(a[m * 16 + k]) * float(b[k * 8 + n]);
      CHECK(result[m * 8 + n] == sum);
    }
  }
}

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  for (const simt::Asynchronous when : {simt::Asynchronous::kEarly, simt::Asynchronous::kLate}) {
    simt::options().asynchronous = when;
    test_scale();
    test_block_sum();
    test_transpose();
    test_histogram();
    test_multiply_s8();
    test_multiply_f16();
  }
  return check::finish();
}
