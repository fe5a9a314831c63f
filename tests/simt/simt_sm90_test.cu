// The way of a product on compute capability 9.0: TMA fills a ring of stages, mbarriers hand them over, wgmma
// multiplies. Run right, then with one fault at a time.
#include "device_array.h"
#include "launch.cuh"
#include "ptx_sm90.cuh"
#include "tensor_map.cuh"

using espalier::launch;
using espalier::LaunchShape;
namespace ptx = espalier::ptx;

namespace {

constexpr int kM = 64, kN = 128, kStages = 3, kRowBytes = 128;
constexpr int kStageBytes = (kM + kN) * kRowBytes;

enum Fault { kNone, kNoEmptyWait, kNoFullWait, kReleaseTooEarly, kReadsTooEarly, kTooFewBytes, kNoFence };

__device__ void product(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  ptx::wgmma_m64n128k16_f16(d, a, b, accumulate);
}
__device__ void product(int32_t (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  ptx::wgmma_m64n128k32_s8(d, a, b, accumulate);
}

// d [64,128] = a [64,k] b [128,k]^T, in `stages` times 128 bytes along k; warpgroup 0 copies, warpgroup 1 multiplies.
template <typename D>
__global__ void __launch_bounds__(256) multiply(const __grid_constant__ CUtensorMap a,
                                                const __grid_constant__ CUtensorMap b, int stages, int fault, D* out) {
  unsigned char* tiles = espalier::dynamic_shared();
  uint64_t* full = reinterpret_cast<uint64_t*>(tiles + kStages * kStageBytes);
  uint64_t* empty = full + kStages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      ptx::mbarrier_init(full + s, 1);
      ptx::mbarrier_init(empty + s, 1);
    }
    ptx::mbarrier_fence_init();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    if (threadIdx.x != 0) return;
    for (int stage = 0; stage < stages; ++stage) {
      const int s = stage % kStages;
      if (fault != kNoEmptyWait) ptx::mbarrier_wait(empty + s, (stage / kStages & 1) ^ 1);
      unsigned char* tile = tiles + s * kStageBytes;
      ptx::mbarrier_arrive_expect(full + s, fault == kTooFewBytes ? kStageBytes + 16 : kStageBytes);
      const int step = static_cast<int>(kRowBytes / (std::is_same<D, float>::value ? 2 : 1));
      ptx::tma_load(tile, &a, stage * step, 0, full + s);
      ptx::tma_load(tile + kM * kRowBytes, &b, stage * step, 0, full + s);
    }
    return;
  }
  D d[64] = {};
  for (int stage = 0; stage < stages; ++stage) {
    const int s = stage % kStages;
    if (fault != kNoFullWait) ptx::mbarrier_wait(full + s, stage / kStages & 1);
    const unsigned char* tile = tiles + s * kStageBytes;
    if (fault == kNoFence) {
      tiles[s * kStageBytes + static_cast<int>(threadIdx.x)] = 0;
      ptx::barrier_sync(1, 128);
    }
    const uint64_t at_a = ptx::wgmma_descriptor(tile, ptx::Swizzle::k128);
    const uint64_t at_b = ptx::wgmma_descriptor(tile + kM * kRowBytes, ptx::Swizzle::k128);
    ptx::wgmma_fence();
    for (uint64_t k = 0; k < kRowBytes / 32; ++k) {
      product(d, at_a + 2 * k, at_b + 2 * k, stage > 0 || k > 0);
    }
    ptx::wgmma_commit();
    if (fault == kReadsTooEarly && stage == stages - 1) break;
    if (fault != kReleaseTooEarly) ptx::wgmma_wait<0>();
    if (threadIdx.x == 128) ptx::mbarrier_arrive(empty + s);
  }
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32 - 4;
  for (int i = 0; i < 64; ++i) {
    const int row = warp * 16 + lane / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
    out[row * kN + column] = d[i];
  }
}

constexpr size_t kShared = kStages * kStageBytes + 2 * kStages * sizeof(uint64_t);
const LaunchShape kShape{1, 256, kShared};

template <typename E>
CUtensorMap map_of(const DeviceArray<E>& matrix, int rows, int columns, int pitch, int box_rows) {
  CUtensorMap map;
  const CUtensorMapDataType type = sizeof(E) == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  const int element = static_cast<int>(sizeof(E));
  CHECK(espalier::make_tensor_map(&map, type, element, matrix.get(), rows, columns, pitch * element, box_rows,
                                  kRowBytes / element) == cudaSuccess);
  return map;
}

// Rows and columns that end inside a tile: TMA brings zeros.
template <typename E, typename D>
void test_multiply(int m, int n, int k) {
  const int pitch = (k + 15) / 16 * 16;
  std::vector<E> a(static_cast<size_t>(m * pitch)), b(static_cast<size_t>(n * pitch));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<E>(static_cast<float>(i * 37 % 31) - 15.0f);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<E>(static_cast<float>(i * 59 % 29) - 14.0f);
  const DeviceArray<E> da(a), db(b);
  const DeviceArray<D> out(size_t{kM * kN});
  const int per_stage = kRowBytes / static_cast<int>(sizeof(E)), stages = (k + per_stage - 1) / per_stage;
  check_clean(
      launch(multiply<D>, kShape, map_of(da, m, k, pitch, kM), map_of(db, n, k, pitch, kN), stages, kNone, out.get()));
  const std::vector<D> result = out.values();
  for (int r = 0; r < kM; ++r) {
    for (int c = 0; c < kN; ++c) {
      D sum = 0;
      for (int i = 0; r < m && c < n && i < k; ++i) {
        sum += static_cast<D>(a[static_cast<size_t>(r * pitch + i)]) *
               static_cast<D>(b[static_cast<size_t>(c * pitch + i)]);
      }
      CHECK(result[static_cast<size_t>(r * kN + c)] == sum);
    }
  }
}

void test_faults() {
  const DeviceArray<int8_t> a(std::vector<int8_t>(64 * 640, 1)), b(std::vector<int8_t>(128 * 640, 1));
  const DeviceArray<int32_t> out(size_t{kM * kN});
  const CUtensorMap ma = map_of(a, 64, 640, 640, kM), mb = map_of(b, 128, 640, 640, kN);
  const auto run = [&](Fault fault) { return launch(multiply<int32_t>, kShape, ma, mb, 5, fault, out.get()); };
  check_caught(run(kNoEmptyWait), {"no barrier between", "nothing waited for it", "at which all 1 have arrived"});
  check_caught(run(kNoFullWait), {"nobody in the block has written", "no barrier between", "nothing waited for it"});
  check_caught(run(kReleaseTooEarly), {"which a wgmma read"});
  check_caught(run(kTooFewBytes), {"wait in mbarrier_wait"});
  check_caught(run(kNoFence), {"without a fence_async_proxy"});
  // Accumulators that are read before wgmma_wait hold garbage.
  check_clean(run(kReadsTooEarly));
  CHECK(out.values()[0] != 640);
}

}  // namespace

int run_tests() {
  for (uint64_t round = 0; round < 6; ++round) {
    simt::options().seed = check::seed() + round;
    simt::options().asynchronous = static_cast<simt::Asynchronous>(round % 3);
    check::context = "seed " + std::to_string(simt::options().seed) + ", round " + std::to_string(round);
    test_multiply<int8_t, int32_t>(64, 128, 512);
    test_multiply<int8_t, int32_t>(50, 100, 300);
    test_multiply<__half, float>(64, 128, 192);
    test_multiply<__half, float>(33, 65, 100);
    test_faults();
  }
  return check::finish();
}
