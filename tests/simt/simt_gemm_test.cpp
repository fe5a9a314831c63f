// Every instance of the products on the tensor cores, mma.sync and wgmma, large tiles and small, on shapes that fill no
// tile: integers equal to the last bit to sums in plain C++, halves equal between all tiles of an instruction and near
// the sums in double, and each row's largest value noted.
#include <cuda_fp16.h>

#include <cmath>
#include <cstring>

#include "device_array.h"
#include "fixture.h"
#include "ops.h"

namespace {

using namespace espalier;

constexpr int64_t kRows = 130;
constexpr int32_t kN = 261, kK = 200, kPitch = 208, kPitchY = 264;

// Few multiprocessors make large tiles, many small ones.
constexpr gpu::Card kCards[] = {{1, 80}, {1000, 80}, {1, 90}, {6, 90}, {16, 90}};

template <typename T>
std::vector<T> rows_of(int64_t rows, int64_t pitch, int32_t columns, T (*draw)()) {
  std::vector<T> v(static_cast<size_t>(rows * pitch));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) v[static_cast<size_t>(r * pitch + c)] = draw();
  }
  return v;
}

int8_t draw_code() { return static_cast<int8_t>(random_int(-128, 127)); }
__half draw_half() { return __float2half_rn(random_float()); }

void test_int8() {
  const std::vector<int8_t> x = rows_of(kRows, kPitch, kK, draw_code), w = rows_of(kN, kPitch, kK, draw_code);
  std::vector<int32_t> sums, zero_points;
  std::vector<float> scales, bias, x_scales;
  for (int32_t i = 0; i < kN; ++i) {
    zero_points.push_back(static_cast<int32_t>(random_int(-128, 127)));
    scales.push_back(0.01f + 0.001f * static_cast<float>(random_int(0, 9)));
    bias.push_back(random_float());
  }
  // Columns beyond n may be read.
  zero_points.resize(static_cast<size_t>(kN + gpu::kColumnPad));
  scales.resize(zero_points.size());
  bias.resize(zero_points.size());
  std::vector<int32_t> expected;
  for (int64_t r = 0; r < kRows; ++r) {
    x_scales.push_back(0.01f + 0.001f * static_cast<float>(random_int(0, 9)));
    int32_t sum = 0;
    for (int32_t k = 0; k < kK; ++k) sum += x[static_cast<size_t>(r * kPitch + k)];
    sums.push_back(sum);
    for (int32_t c = 0; c < kN; ++c) {
      int32_t acc = 0;
      for (int32_t k = 0; k < kK; ++k) {
        acc += x[static_cast<size_t>(r * kPitch + k)] *
               (w[static_cast<size_t>(int64_t{c} * kPitch + k)] - zero_points[static_cast<size_t>(c)]);
      }
      expected.push_back(acc);
    }
  }
  const DeviceArray<int8_t> dx(x), dw(w);
  const DeviceArray<int32_t> ds(sums), dz(zero_points), acc(expected.size());
  const DeviceArray<float> dxs(x_scales), dws(scales), db(bias), y(static_cast<size_t>(kRows * kPitchY));
  const gpu::Operands o = {dx.get(), kPitch, kRows, dw.get(), kPitch, kN, kK};
  for (const gpu::Card& card : kCards) {
    check::context = "int8, capability " + std::to_string(card.capability) + ", " +
                     std::to_string(card.multiprocessors) + " multiprocessors";
    check_clean(gpu::gemm_int8_accumulators(o, ds.get(), dz.get(), acc.get(), card, nullptr));
    CHECK(acc.values() == expected);

    const DeviceArray<uint32_t> largest(std::vector<uint32_t>(static_cast<size_t>(kRows), 0));
    check_clean(gpu::gemm_int8(ESP_F32, o, {dxs.get(), ds.get(), dws.get(), dz.get(), db.get()}, gpu::kNoActivation,
                               {y.get(), kPitchY, largest.get()}, card, nullptr));
    const std::vector<float> values = y.values();
    const std::vector<uint32_t> bits = largest.values();
    for (int64_t r = 0; r < kRows; ++r) {
      float most = 0;
      for (int32_t c = 0; c < kN; ++c) {
        const size_t at = static_cast<size_t>(r * kN + c);
        const float value = std::fmaf(static_cast<float>(expected[at]) * x_scales[static_cast<size_t>(r)],
                                      scales[static_cast<size_t>(c)], bias[static_cast<size_t>(c)]);
        CHECK(values[static_cast<size_t>(r * kPitchY + c)] == value);
        most = std::max(most, std::fabs(value));
      }
      CHECK(bits[static_cast<size_t>(r)] == __float_as_uint(most));
    }
  }
}

void test_half() {
  const std::vector<__half> x = rows_of(kRows, kPitch, kK, draw_half), w = rows_of(kN, kPitch, kK, draw_half);
  std::vector<float> bias;
  for (int32_t i = 0; i < kN; ++i) bias.push_back(random_float());
  bias.resize(static_cast<size_t>(kN + gpu::kColumnPad));
  const DeviceArray<__half> dx(x), dw(w);
  const DeviceArray<float> db(bias);
  const gpu::Operands o = {dx.get(), kPitch, kRows, dw.get(), kPitch, kN, kK};
  std::vector<__half> first;
  int32_t instruction = 0;
  for (const gpu::Card& card : kCards) {
    check::context = "half, capability " + std::to_string(card.capability) + ", " +
                     std::to_string(card.multiprocessors) + " multiprocessors";
    const DeviceArray<__half> y(std::vector<__half>(static_cast<size_t>(kRows * kPitchY)));
    check_clean(gpu::gemm_half(ESP_F16, o, db.get(), gpu::kNoActivation, {y.get(), kPitchY, nullptr}, card, nullptr));
    const std::vector<__half> values = y.values();
    if (card.capability == instruction) {
      CHECK(std::memcmp(values.data(), first.data(), values.size() * sizeof(__half)) == 0);
      continue;
    }
    instruction = card.capability;
    first = values;
    for (int64_t r = 0; r < kRows; ++r) {
      for (int32_t c = 0; c < kN; ++c) {
        double sum = 0, magnitude = 0;
        for (int32_t k = 0; k < kK; ++k) {
          const double product = static_cast<double>(__half2float(x[static_cast<size_t>(r * kPitch + k)])) *
                                 static_cast<double>(__half2float(w[static_cast<size_t>(int64_t{c} * kPitch + k)]));
          sum += product;
          magnitude += std::fabs(product);
        }
        sum += static_cast<double>(bias[static_cast<size_t>(c)]);
        magnitude += std::fabs(static_cast<double>(bias[static_cast<size_t>(c)]));
        // A chain of kK + 1 sums in fp32, and one rounding to fp16.
        const double bound = (kK + 1) * 0x1p-24 * magnitude * 1.01 + 0x1p-11 * std::fabs(sum) + 0x1p-25;
        CHECK_NEAR(__half2float(values[static_cast<size_t>(r * kPitchY + c)]), sum, bound);
      }
    }
  }
}

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  test_int8();
  test_half();
  return check::finish();
}
