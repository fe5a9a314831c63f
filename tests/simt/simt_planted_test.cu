// Kernels with one fault each: the emulator has to name it, in every schedule.
#include "device_array.h"
#include "launch.cuh"
#include "ptx.cuh"

using espalier::launch;
using espalier::LaunchShape;

namespace {

constexpr const char* kRace = "no barrier between";
constexpr const char* kUnwritten = "nobody in the block has written";

__global__ void missing_barrier(float* y) {
  __shared__ float values[64];
  values[threadIdx.x] = 1.0f;
  y[threadIdx.x] = values[63 - threadIdx.x];
}

// Reads the last tile while others already write the next one.
__global__ void missing_barrier_in_loop(const float* x, float* y) {
  __shared__ float tile[64];
  float sum = 0;
  for (int i = 0; i < 4; ++i) {
    tile[threadIdx.x] = x[i * 64 + static_cast<int>(threadIdx.x)];
    __syncthreads();
    sum += tile[63 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
}

__global__ void missing_warp_barrier(float* y) {
  float* values = espalier::dynamic_shared<float>();
  values[threadIdx.x] = 1.0f;
  y[threadIdx.x] = values[threadIdx.x ^ 1];
}

__global__ void one_too_far(const float* x, int count, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i <= count) y[i] = x[i];
}

__global__ void one_too_far_shared(float* y) {
  float* values = espalier::dynamic_shared<float>();
  values[threadIdx.x + 1] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x + 1];
}

__global__ void one_too_far_static(float* y) {
  __shared__ float values[64];
  values[threadIdx.x + 1] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

__global__ void misaligned(const float* x, float4* y) {
  y[threadIdx.x] = *reinterpret_cast<const float4*>(x + 1 + 4 * threadIdx.x);
}

__global__ void wrong_mask(float* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}

__global__ void reads_outside_mask(float* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 16);
}

__global__ void divergent_shuffle(float* y) {
  float v;
  if (threadIdx.x < 7) {
    v = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
  } else {
    v = __shfl_xor_sync(0xffffffffu, 2.0f, 1);
  }
  y[threadIdx.x] = v;
}

__global__ void divergent_barrier(float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();
    y[threadIdx.x] = 1.0f;
  } else {
    __syncthreads();
    y[threadIdx.x] = 2.0f;
  }
}

__global__ void barrier_with_few(float* y) {
  if (threadIdx.x < 32) espalier::ptx::barrier_sync(1, 64);
  y[threadIdx.x] = 1.0f;
}

__global__ void uninitialised(float* y) {
  __shared__ float values[64];
  if (threadIdx.x < 63) values[threadIdx.x] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

__global__ void missing_copy_wait(const float* x, float* y) {
  float* values = espalier::dynamic_shared<float>();
  espalier::ptx::cp_async_4(values + threadIdx.x, x + threadIdx.x);
  espalier::ptx::cp_async_commit();
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

__global__ void one_group_too_few(const float* x, float* y) {
  float* values = espalier::dynamic_shared<float>();
  for (int stage = 0; stage < 2; ++stage) {
    espalier::ptx::cp_async_4(values + stage * 64 + static_cast<int>(threadIdx.x), x + threadIdx.x);
    espalier::ptx::cp_async_commit();
  }
  espalier::ptx::cp_async_wait<1>();
  __syncthreads();
  y[threadIdx.x] = values[64 + threadIdx.x];
}

__global__ void wait_without_barrier(const float* x, float* y) {
  float* values = espalier::dynamic_shared<float>();
  espalier::ptx::cp_async_4(values + threadIdx.x, x + threadIdx.x);
  espalier::ptx::cp_async_commit();
  espalier::ptx::cp_async_wait<0>();
  y[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void shift_too_far(int* y, int by) { y[threadIdx.x] = 1 << by; }

__global__ void host_pointer(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

}  // namespace

int run_tests() {
  const DeviceArray<float> x(std::vector<float>(256, 1.0f)), y(size_t{64});
  const DeviceArray<float4> y4(size_t{64});
  const DeviceArray<int> n(size_t{64});
  const LaunchShape two_warps{1, 64, 512}, one_warp{1, 32, 128};
  std::vector<float> host(64);
  for (uint64_t round = 0; round < 20; ++round) {
    simt::options().seed = check::seed() + round;
    simt::options().asynchronous = round % 2 == 0 ? simt::Asynchronous::kEarly : simt::Asynchronous::kLate;
    check::context = "seed " + std::to_string(simt::options().seed);
    check_caught(launch(missing_barrier, two_warps, y.get()), {kRace, kUnwritten});
    check_caught(launch(missing_barrier_in_loop, two_warps, x.get(), y.get()), {kRace});
    check_caught(launch(missing_warp_barrier, one_warp, y.get()), {kRace, kUnwritten});
    check_caught(launch(one_too_far, LaunchShape{2, 64}, x.get(), 64, y.get()),
                 {"0 bytes behind an allocation of 256 bytes"});
    check_caught(launch(one_too_far_shared, LaunchShape{1, 32, 128}, y.get()), {"the block has 128 bytes"});
    check_caught(launch(one_too_far_static, two_warps, y.get()), {"an index outside its array"});
    check_caught(launch(misaligned, one_warp, x.get(), y4.get()), {"not a multiple"});
    check_caught(launch(wrong_mask, one_warp, y.get()), {"with mask 0xffffffff"});
    check_caught(launch(reads_outside_mask, one_warp, y.get()), {"which the mask leaves out"});
    check_caught(launch(divergent_shuffle, one_warp, y.get()), {"went different ways"});
    check_caught(launch(divergent_barrier, two_warps, y.get()), {"went different ways"});
    check_caught(launch(barrier_with_few, two_warps, y.get()), {"threads 0-31 wait in barrier_sync"});
    check_caught(launch(uninitialised, two_warps, y.get()), {kUnwritten});
    check_caught(launch(missing_copy_wait, two_warps, x.get(), y.get()), {"nothing waited for it"});
    check_caught(launch(one_group_too_few, two_warps, x.get(), y.get()), {"nothing waited for it"});
    check_caught(launch(wait_without_barrier, two_warps, x.get(), y.get()), {kRace, kUnwritten});
    check_caught(launch(shift_too_far, one_warp, n.get(), 40), {"a shift by more than the width"});
    check_caught(launch(host_pointer, one_warp, host.data(), y.get()), {"in host memory"});
  }
  return check::finish();
}
