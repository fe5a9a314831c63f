// How far fp32 may be from the exact result: the bounds that docs/NUMERICS.md derives, for expected values in double.
#ifndef ESPALIER_TESTS_BOUNDS_H
#define ESPALIER_TESTS_BOUNDS_H

#include <cmath>
#include <cstdint>
#include <vector>

#include "espalier.h"

namespace bounds {

constexpr double kUnit = 0x1p-24;          // one rounding of fp32, relative
constexpr double kFunction = 6.0 * kUnit;  // exp, tanh and erf of native/src/cpu/math.h, relative
constexpr double kTiny = 0x1p-149;         // one rounding where results underflow

// The relative error that n roundings in a row stay within (Higham, section 3.1).
inline double gamma(int64_t n) {
  const double nu = static_cast<double>(n) * kUnit;
  return nu / (1.0 - nu);
}

// y = sum x w + b over k products; magnitude is sum |x||w| + |b|.
inline double linear(int64_t k, double magnitude) {
  return gamma(k + 1) * magnitude + static_cast<double>(k + 2) * kTiny;
}

// The same of bf16 products, whose operands and sums below kNormal count as 0: at most 2 k + 2 sums, tiles' own
// included; operands is sum |x| + |w|.
constexpr double kNormal = 0x1p-126;
inline double linear_bf16(int64_t k, double magnitude, double operands) {
  return gamma(k + 1) * magnitude + kNormal * (static_cast<double>(2 * k + 2) + operands);
}

inline double activation(int32_t kind, double x, double y) {
  const double half = std::fabs(x) / 2.0;
  const double size = std::fabs(y);
  const auto gated = [&](double s) {
    const double rest = 1.0 / (1.0 + std::exp(s));
    return size * (rest * (kFunction + 2.0 * kUnit * std::fabs(s)) + 4.0 * kUnit) + std::fabs(x) * 0x1p-125;
  };
  switch (kind) {
    case ESP_GELU:
      return half * (kFunction + 3.0 * kUnit) + 3.0 * kUnit * size + 2.0 * kTiny;
    case ESP_GELU_NEW:
    case ESP_GELU_PYTORCH_TANH:
    case ESP_GELU_FAST:
      return half * (kFunction + 6.0 * kUnit) + 3.0 * kUnit * size + 2.0 * kTiny;
    case ESP_QUICK_GELU:
      return gated(1.702 * x) + 2.0 * kTiny;
    case ESP_SILU:
      return gated(x) + 2.0 * kTiny;
    case ESP_TANH:
      return kFunction * size + 2.0 * kTiny;
    default:
      return 0.0;  // relu is exact
  }
}

// A row of layernorm: exact sums s, each of `additions` additions of terms whose absolute values add up to magnitude.
inline std::vector<double> layernorm(const std::vector<double>& s, const std::vector<double>& magnitude, int additions,
                                     const std::vector<float>& gain, double eps, const std::vector<double>& y) {
  const int64_t columns = static_cast<int64_t>(s.size());
  const double n = static_cast<double>(columns);
  double mean = 0.0, mean_magnitude = 0.0, mean_error = 0.0;
  for (size_t c = 0; c < s.size(); ++c) {
    mean += s[c] / n;
    mean_magnitude += std::fabs(s[c]) / n;
    mean_error += additions * kUnit * magnitude[c] / n;
  }
  mean_error += gamma(columns + 1) * (mean_magnitude + mean_error);
  double variance = 0.0, variance_error = 0.0;
  std::vector<double> error(s.size());
  for (size_t c = 0; c < s.size(); ++c) {
    const double d = std::fabs(s[c] - mean);
    double e = additions * kUnit * magnitude[c] + mean_error;
    e += kUnit * (d + e);
    error[c] = e;
    variance += d * d / n;
    variance_error += (2.0 * d * e + e * e + gamma(columns + 2) * (d + e) * (d + e)) / n;
  }
  const double inverse = 1.0 / std::sqrt(variance + eps);
  const double most = 1.0 / std::sqrt(std::fmax(0.0, variance - variance_error) + eps);
  for (size_t c = 0; c < s.size(); ++c) {
    const double d = std::fabs(s[c] - mean);
    const double g = std::fabs(static_cast<double>(gain[c]));
    error[c] = g * (error[c] * most + d * (most - inverse)) + 5.0 * kUnit * g * (d + error[c]) * most +
               kUnit * std::fabs(y[c]) + 4.0 * kTiny * (1.0 + g * most);
  }
  return error;
}

// One row of softmax: scores s, their errors e from gamma(width + 2) scale sum |q||k|; -infinity where masked. Gives
// each probability's relative error before its own division and sum.
inline std::vector<double> softmax(const std::vector<double>& s, const std::vector<double>& e) {
  double most = -INFINITY, least = INFINITY;
  for (const double v : s) {
    most = std::fmax(most, v);
    if (!std::isinf(v)) least = std::fmin(least, v);
  }
  const double tiles = std::ceil(static_cast<double>(s.size()) / 8.0);  // a running maximum over at least 8 keys
  const double rescaling = (tiles - 1.0) * (kFunction + kUnit) + (tiles > 1.0 ? kUnit * (most - least) : 0.0);
  std::vector<double> relative(s.size(), 0.0);
  double total = 0.0, average = 0.0;
  for (size_t j = 0; j < s.size(); ++j) {
    if (std::isinf(s[j])) continue;
    relative[j] = std::expm1(e[j] + kUnit * (most - s[j]) + kFunction + rescaling);
    total += std::exp(s[j] - most);
    average += std::exp(s[j] - most) * relative[j];
  }
  if (total > 0.0) average /= total;
  for (double& r : relative) r = average < 1.0 ? (r + average) / (1.0 - average) : INFINITY;
  return relative;
}

// A pooled row v, whose columns are off by e each, divided by its norm if asked; gives the errors of the result.
inline std::vector<double> pooled(const std::vector<double>& v, const std::vector<double>& e, bool normalize) {
  double square = 0.0, error_square = 0.0;
  for (size_t c = 0; c < v.size(); ++c) {
    square += v[c] * v[c];
    error_square += e[c] * e[c];
  }
  const int64_t columns = static_cast<int64_t>(v.size());
  const double norm = std::sqrt(square);
  const double off =
      std::sqrt(error_square) + gamma(columns + 3) / 2.0 * norm + std::sqrt(static_cast<double>(columns)) * 0x1p-75;
  const double least = std::fmax(norm - off, 1e-12 * (1.0 - 2.0 * kUnit));
  const double exact = std::fmax(norm, 1e-12);
  std::vector<double> result = e;
  for (size_t c = 0; normalize && c < v.size(); ++c) {
    const double quotient = e[c] / least + std::fabs(v[c]) * (1.0 / least - 1.0 / exact);
    result[c] = quotient + 3.0 * kUnit * (std::fabs(v[c]) / exact + quotient) + 2.0 * kTiny;
  }
  return result;
}

}  // namespace bounds

#endif
