// The counters tell good habits from bad ones: sectors of global memory, bank conflicts of shared memory.
#include "device_array.h"
#include "launch.cuh"
#include "ptx.cuh"

using espalier::launch;
using espalier::LaunchShape;

namespace {

__global__ void copy(const float* x, float* y, int stride) {
  const int i = static_cast<int>(threadIdx.x) * stride;
  y[i] = x[i];
}

__global__ void copy_vectors(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }

__global__ void column(float* y, int pitch) {  // every lane another row of one column
  float* tile = espalier::dynamic_shared<float>();
  tile[static_cast<int>(threadIdx.x) * pitch] = 1.0f;
  __syncwarp();
  y[threadIdx.x] = tile[static_cast<int>(threadIdx.x) * pitch];
}

__global__ void load_matrices(float* y, int pitch) {
  unsigned char* tile = espalier::dynamic_shared();
  for (int i = static_cast<int>(threadIdx.x); i < 32 * pitch; i += 32) tile[i] = 0;
  __syncwarp();
  uint32_t r[4];
  espalier::ptx::ldmatrix_x4(r, tile + static_cast<int>(threadIdx.x) * pitch);
  y[threadIdx.x] = static_cast<float>(r[0]);
}

__global__ void branch(const float* x, float* y) {  // half of the lanes: still one request
  if (threadIdx.x % 2 == 0) y[threadIdx.x] = x[threadIdx.x];
}

simt::Counters count(cudaError_t launched) {
  check_clean(launched);
  const std::vector<simt::Counters> all = simt::counters();
  CHECK(all.size() == 1);
  simt::reset_counters();
  return all.empty() ? simt::Counters{} : all[0];
}

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  simt::options().count = true;
  const DeviceArray<float> x(std::vector<float>(4096, 1.0f)), y(size_t{4096});
  const LaunchShape warp{1, 32, 32 * 48 * 4};

  simt::Counters c = count(launch(copy, LaunchShape{1, 64}, x.get(), y.get(), 1));
  CHECK(c.kernel == "copy" && c.launches == 1 && c.blocks == 1);
  CHECK(c.global_requests == 4 && c.global_sectors == 16 && c.global_bytes == 512);
  c = count(launch(copy, LaunchShape{1, 64}, x.get(), y.get(), 8));
  CHECK(c.global_requests == 4 && c.global_sectors == 128 && c.global_bytes == 512);
  c = count(launch(copy_vectors, LaunchShape{1, 64}, reinterpret_cast<const float4*>(x.get()),
                   reinterpret_cast<float4*>(y.get())));
  CHECK(c.global_requests == 4 && c.global_sectors == 64 && c.global_bytes == 2048);
  c = count(launch(branch, LaunchShape{1, 32}, x.get(), y.get()));
  CHECK(c.global_requests == 2 && c.global_sectors == 8 && c.global_bytes == 128);

  c = count(launch(column, warp, y.get(), 32));
  CHECK(c.shared_requests == 2 && c.shared_wavefronts == 64 && c.shared_ideal == 2);
  c = count(launch(column, warp, y.get(), 33));
  CHECK(c.shared_requests == 2 && c.shared_wavefronts == 2 && c.shared_ideal == 2);

  const uint64_t plain = count(launch(load_matrices, warp, y.get(), 128)).shared_wavefronts;  // rows in one bank group
  const uint64_t padded = count(launch(load_matrices, warp, y.get(), 144)).shared_wavefronts;
  // Beyond the filling loops, which take one wavefront a request: 8 for each matrix against 1.
  CHECK(plain - 128 == 32 && padded - 144 == 4);
  return check::finish();
}
