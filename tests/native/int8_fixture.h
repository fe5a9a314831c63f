// int8 as it is defined, one scalar step after the other, and layers of random codes.
#ifndef ESPALIER_TESTS_INT8_FIXTURE_H
#define ESPALIER_TESTS_INT8_FIXTURE_H

#include <algorithm>
#include <cmath>
#include <functional>

#include "fixture.h"

// Rounds half to even, for |v| < 2^22.
inline float round_half_even(float v) { return (v + 12582912.0f) - 12582912.0f; }

// The definition: one division for the scale, one for each code.
inline float reference_row(const float* x, int64_t k, int8_t* codes) {
  float absmax = 0.0f;
  for (int64_t i = 0; i < k; ++i) absmax = std::max(absmax, std::fabs(x[i]));
  const float s = absmax / 127.0f;
  for (int64_t i = 0; i < k; ++i) {
    const float q = s == 0.0f ? 0.0f : std::max(-127.0f, std::min(127.0f, x[i] / s));
    codes[i] = static_cast<int8_t>(round_half_even(q));
  }
  return s;
}

struct Codes {
  int64_t rows, k;
  std::vector<int8_t> codes;
  std::vector<float> scales;
  Codes(int64_t r, int64_t c) : rows(r), k(c), codes(static_cast<size_t>(r * c)), scales(static_cast<size_t>(r)) {}
  int8_t* row(int64_t r) { return codes.data() + r * k; }
  const int8_t* row(int64_t r) const { return codes.data() + r * k; }
};

// The Hadamard matrix of 2n is [[H, H], [H, -H]]: butterflies at distances 1, 2, 4, ... below the block's size.
inline void rotate(float* x, int64_t k, int64_t block) {
  for (int64_t at = 0; at < k; at += block) {
    while (block > k - at) block /= 2;
    for (int64_t distance = 1; distance < block; distance *= 2) {
      for (int64_t i = at; i < at + block; ++i) {
        if (((i - at) & distance) != 0) continue;
        const float sum = x[i] + x[i + distance];
        x[i + distance] = x[i] - x[i + distance];
        x[i] = sum;
      }
    }
  }
}

inline Codes reference(const Matrix& x, int64_t block) {
  Codes c(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    std::vector<float> row(x.row(r), x.row(r) + x.columns);
    rotate(row.data(), x.columns, block);
    c.scales[static_cast<size_t>(r)] = reference_row(row.data(), x.columns, c.row(r));
  }
  return c;
}

// An int8 layer: codes, a positive scale per channel, zero points or none.
struct Int8Linear {
  Codes w;
  std::vector<float> bias;
  std::vector<int32_t> zero_points;
  int32_t input_block = 1 << random_int(0, 5);
  std::unique_ptr<esp_weight, WeightDeleter> packed;

  Int8Linear(int64_t n, int64_t k, const std::function<int8_t()>& code, bool with_zero_points)
      : w(n, k), bias(static_cast<size_t>(n)) {
    for (int8_t& c : w.codes) c = code();
    for (float& s : w.scales) s = 0.001f + std::fabs(random_float(0.01f));
    for (float& b : bias) b = random_float();
    if (with_zero_points) {
      for (int64_t i = 0; i < n; ++i) zero_points.push_back(static_cast<int32_t>(random_int(-128, 127)));
    }
  }
  void pack(esp_backend* backend) {
    esp_weight* p = nullptr;
    const int32_t n = static_cast<int32_t>(w.rows);
    CHECK_OK(esp_weight_create(backend, n, static_cast<int32_t>(w.k), ESP_I8, &p));
    packed.reset(p);
    CHECK_OK(esp_weight_set_input_block(p, input_block));
    for (int32_t first = 0; first < n;) {
      const int32_t count = static_cast<int32_t>(random_int(1, n - first));
      CHECK_OK(esp_weight_set_codes(p, first, count, w.row(first), w.scales.data() + first,
                                    zero_points.empty() ? nullptr : zero_points.data() + first));
      CHECK_OK(esp_weight_set_bias(p, first, count, bias.data() + first));
      first += count;
    }
  }
  int64_t accumulator(const int8_t* x, int64_t n) const {
    const int32_t zero = zero_points.empty() ? 0 : zero_points[static_cast<size_t>(n)];
    int64_t sum = 0;
    for (int64_t i = 0; i < w.k; ++i) sum += x[i] * (w.row(n)[i] - zero);
    return sum;
  }
  float output(const Codes& x, int64_t t, int64_t n) const {
    const size_t c = static_cast<size_t>(n);
    const float scaled =
        static_cast<float>(static_cast<int32_t>(accumulator(x.row(t), n))) * x.scales[static_cast<size_t>(t)];
    return std::fma(scaled, w.scales[c], bias[c]);
  }
};

#endif
