// Random matrices with guard words, owners of native objects, and the instruction sets to test.
#ifndef ESPALIER_TESTS_FIXTURE_H
#define ESPALIER_TESTS_FIXTURE_H

#include <cstring>
#include <memory>
#include <vector>

#include "check.h"
#include "espalier.h"

inline std::mt19937_64& random_engine() {
  static std::mt19937_64 engine(check::seed());
  return engine;
}
inline int64_t random_int(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random_engine());
}
inline float random_float(float scale = 1.0f) { return std::normal_distribution<float>(0.0f, scale)(random_engine()); }

// A matrix whose rows are `pitch` apart; what lies between and behind them holds a pattern that ops must not touch.
struct Matrix {
  int64_t rows, columns, pitch;
  std::vector<float> data;
  static constexpr float kGuard = 12345.678f;

  Matrix(int64_t r, int64_t c, int64_t extra = 0)
      : rows(r), columns(c), pitch(c + extra), data(static_cast<size_t>(r * pitch + 7), kGuard) {}
  float* row(int64_t r) { return data.data() + r * pitch; }
  const float* row(int64_t r) const { return data.data() + r * pitch; }
  float at(int64_t r, int64_t c) const { return row(r)[c]; }
  Matrix& randomize(float scale = 1.0f) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) row(r)[c] = random_float(scale);
    }
    return *this;
  }
  bool guards_untouched() const {
    for (int64_t i = 0; i < static_cast<int64_t>(data.size()); ++i) {
      const bool inside = i < rows * pitch && i % pitch < columns;
      if (!inside && data[static_cast<size_t>(i)] != kGuard) return false;
    }
    return true;
  }
};

inline bool same_bits(const float* a, const float* b, int64_t count) {
  return count == 0 || std::memcmp(a, b, static_cast<size_t>(count) * sizeof(float)) == 0;
}
inline bool same_bits(const Matrix& a, const Matrix& b) {
  for (int64_t r = 0; r < a.rows; ++r) {
    if (!same_bits(a.row(r), b.row(r), a.columns)) return false;
  }
  return true;
}

#define CHECK_OK(call)                                                                                  \
  do {                                                                                                  \
    const esp_status check_s = (call);                                                                  \
    if (check_s != ESP_OK) check::fail(__FILE__, __LINE__, std::string(#call ": ") + esp_last_error()); \
  } while (false)

struct BackendDeleter {
  void operator()(esp_backend* b) const { esp_backend_destroy(b); }
};
using Backend = std::unique_ptr<esp_backend, BackendDeleter>;
inline Backend make_backend(int32_t isa, int32_t threads) {
  esp_backend* b = nullptr;
  CHECK_OK(esp_backend_create(isa, threads, &b));
  return Backend(b);
}

struct WeightDeleter {
  void operator()(esp_weight* w) const { esp_weight_destroy(w); }
};
struct Linear {
  Matrix w;
  std::vector<float> bias;
  std::unique_ptr<esp_weight, WeightDeleter> packed;

  Linear(esp_backend* backend, int64_t n, int64_t k, int32_t dtype = ESP_F32) : w(n, k), bias(static_cast<size_t>(n)) {
    w.randomize(1.0f / std::sqrt(static_cast<float>(k)));
    for (float& b : bias) b = random_float();
    pack(backend, dtype);
  }
  Linear(esp_backend* backend, const Linear& other, int32_t dtype = ESP_F32) : w(other.w), bias(other.bias) {
    pack(backend, dtype);
  }
  void pack(esp_backend* backend, int32_t dtype = ESP_F32) {
    esp_weight* p = nullptr;
    const int32_t n = static_cast<int32_t>(w.rows);
    CHECK_OK(esp_weight_create(backend, n, static_cast<int32_t>(w.columns), dtype, &p));
    packed.reset(p);
    // In pieces, as a loader does it.
    for (int32_t first = 0; first < n;) {
      const int32_t count = static_cast<int32_t>(random_int(1, n - first));
      CHECK_OK(esp_weight_set_rows(p, first, count, w.row(first)));
      CHECK_OK(esp_weight_set_bias(p, first, count, bias.data() + first));
      first += count;
    }
  }
};

struct HeadsDeleter {
  void operator()(esp_heads* h) const { esp_heads_destroy(h); }
};
struct HeadList {
  std::vector<int32_t> index, qk, v;
  std::vector<float> scale;
  std::unique_ptr<esp_heads, HeadsDeleter> packed;

  void add(int64_t qk_width, int64_t v_width, float s) {
    index.push_back(count());
    qk.push_back(static_cast<int32_t>(qk_width));
    v.push_back(static_cast<int32_t>(v_width));
    scale.push_back(s);
  }
  void pack(esp_backend* backend, int32_t products = ESP_F32) {
    esp_heads* h = nullptr;
    CHECK_OK(esp_heads_create(backend, count(), index.data(), qk.data(), v.data(), scale.data(), &h));
    packed.reset(h);
    if (products != ESP_F32) CHECK_OK(esp_heads_set_products(h, products));
  }
  int32_t count() const { return static_cast<int32_t>(qk.size()); }
  int64_t qk_total() const { return total(qk); }
  int64_t v_total() const { return total(v); }
  int64_t columns() const { return 2 * qk_total() + v_total(); }

 private:
  static int64_t total(const std::vector<int32_t>& list) {
    int64_t sum = 0;
    for (int32_t x : list) sum += x;
    return sum;
  }
};

inline std::vector<int32_t> offsets_of(const std::vector<int32_t>& lengths) {
  std::vector<int32_t> offsets{0};
  for (int32_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

// The nearest number with so many bits of mantissa, of two the even one.
inline float rounded(float x, int mantissa, int least_exponent) {
  if (x == 0.0f || !std::isfinite(x)) return x;
  const double step = std::ldexp(1.0, std::max(std::ilogb(x), least_exponent) - mantissa);
  return static_cast<float>(std::nearbyint(x / step) * step);
}

// A number as products of weights of that type see it.
inline double operand(float x, int32_t dtype) { return dtype == ESP_BF16_PRODUCTS ? rounded(x, 7, -126) : x; }

// The types of weights whose products the instruction set computes in ways of their own, int8 apart.
inline std::vector<int32_t> product_types(int32_t isa) {
  if (isa >= ESP_ISA_AVX512_BF16) return {ESP_F32, ESP_BF16_PRODUCTS};
  return {ESP_F32};
}

// Runs `body(isa)` for every instruction set that this machine has, and says which it has not.
template <typename Body>
void for_each_isa(const Body& body) {
  for (int32_t isa = 0; isa < ESP_ISA_COUNT; ++isa) {
    if (esp_isa_available(isa) == 0) {
      std::printf("SKIPPED: this machine has no %s\n", esp_isa_name(isa));
      continue;
    }
    body(isa);
  }
}

#endif
