// What the kernels ask of memory, in numbers of the hardware: shared memory without bank conflicts, global memory in
// whole sectors. A change that breaks a habit fails here, on any machine.
#include "device_array.h"
#include "ops.h"

namespace {

using namespace espalier;

constexpr gpu::Card kCard = {4, 80}, kCard90 = {4, 90};

struct Habits {
  double conflicts;  // wavefronts beyond the fewest possible, as a share of them
  double waste;      // bytes of sectors that nobody asked for, as a share of those asked for
  uint64_t sectors;
};

Habits habits(const char* name, cudaError_t launched) {
  check::context = name;
  check_clean(launched);
  simt::Counters sum;
  for (const simt::Counters& c : simt::counters()) {
    sum.shared_wavefronts += c.shared_wavefronts;
    sum.shared_ideal += c.shared_ideal;
    sum.global_sectors += c.global_sectors;
    sum.global_bytes += c.global_bytes;
    sum.matrix_products += c.matrix_products;
  }
  simt::reset_counters();
  const auto share = [](uint64_t all, uint64_t needed) {
    return needed == 0 ? 0.0 : static_cast<double>(all) / static_cast<double>(needed) - 1.0;
  };
  const Habits h{share(sum.shared_wavefronts, sum.shared_ideal), share(sum.global_sectors * 32, sum.global_bytes),
                 sum.global_sectors};
  std::printf("%-24s shared wavefronts %8llu, conflicts %5.1f %%   sectors %7llu, waste %5.1f %%   mma %llu\n", name,
              static_cast<unsigned long long>(sum.shared_wavefronts), 100 * h.conflicts,
              static_cast<unsigned long long>(sum.global_sectors), 100 * h.waste,
              static_cast<unsigned long long>(sum.matrix_products));
  return h;
}

// 2 bytes an element: the largest operand of the shapes below.
constexpr int64_t kRows = 128, kN = 128, kK = 256;

struct Buffers {
  DeviceArray<float> x{std::vector<float>(kRows * kK, 0.5f)}, w{std::vector<float>(kN * kK, 0.25f)},
      vector{std::vector<float>(kK, 1.0f)}, y{size_t{kRows * kK}};
  DeviceArray<int32_t> offsets{std::vector<int32_t>{0, 64, 128}};
};

gpu::Operands operands(const Buffers& b) { return {b.x.get(), kK, kRows, b.w.get(), kK, kN, kK}; }

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  simt::options().count = true;
  const Buffers b;
  const float* v = b.vector.get();
  constexpr uint64_t kSectorsOfY = kRows * kN * 2 / 32;
  Habits h =
      habits("gemm_half", gpu::gemm_half(ESP_F16, operands(b), v, gpu::kNoActivation, {b.y.get(), kN}, kCard, nullptr));
  CHECK(h.conflicts == 0.0);
  // Of the bias each of the 16 warps takes 32 columns, two halves of 4 sectors at a time.
  CHECK(h.sectors == kSectorsOfY + 16 * 2 * 4);
  h = habits("gemm_half, 9.0",
             gpu::gemm_half(ESP_F16, operands(b), v, gpu::kNoActivation, {b.y.get(), kN}, kCard90, nullptr));
  CHECK(h.waste == 0.0);
  for (const gpu::Card& card : {kCard, kCard90}) {
    h = habits("gemm_int8_accumulators",
               gpu::gemm_int8_accumulators(operands(b), nullptr, nullptr, reinterpret_cast<int32_t*>(b.y.get()), card,
                                           nullptr));
    CHECK(h.conflicts == 0.0);
    CHECK(h.waste == 0.0);
  }
  h = habits("gemm_f32", gpu::gemm_f32(operands(b), v, gpu::kNoActivation, {b.y.get(), kN}, kCard, nullptr));
  CHECK(h.conflicts == 0.0);
  CHECK(h.waste == 0.0);
  for (const int32_t dtype : {ESP_F32, ESP_F16}) {
    h = habits("add_layernorm", gpu::add_layernorm(dtype, b.x.get(), kK, b.x.get(), kK, kRows, kK, v, v, 1e-12f,
                                                   b.y.get(), kK, {}, nullptr));
    CHECK(h.conflicts == 0.0);
    if (dtype == ESP_F32) CHECK(h.waste == 0.0);
  }
  h = habits("activation", gpu::activation(ESP_F32, ESP_GELU, b.x.get(), kK, kRows, kK, b.y.get(), kK, nullptr));
  CHECK(h.waste == 0.0);
  h = habits("pool",
             gpu::pool(ESP_F32, ESP_POOL_MEAN, 1, b.x.get(), kK, kK, 2, b.offsets.get(), b.y.get(), kK, nullptr));
  CHECK(h.conflicts == 0.0);
  return check::finish();
}
