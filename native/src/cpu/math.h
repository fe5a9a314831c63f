// exp, sigmoid, tanh and the activations, lane by lane. Coefficients are minimax fits (Lawson iteration) in the form
// that the comment gives; errors are those of the fp32 evaluation against double.
#ifndef ESPALIER_CPU_MATH_H
#define ESPALIER_CPU_MATH_H

#include "cpu/simd.h"
#include "espalier.h"

namespace espalier {
namespace ESP_ISA_NS {

// e^x for x <= 0, within 1.5 ulp; 0 where the result would be subnormal (AVX-512: subnormal, then 0), NaN for NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2, e^r = 1 + r + r^2 P(r).
ESP_INLINE Vector exp_nonpositive(Vector x) {
  const Vector bounded = max(splat(kLowestExp), x);
  const Vector n = round(bounded * splat(1.44269504f));
  Vector r = fma(n, splat(-0.693359375f), bounded);
  r = fma(n, splat(2.12194440e-4f), r);
  Vector p = splat(0.00138146104f);
  p = fma(p, r, splat(0.00836871099f));
  p = fma(p, r, splat(0.0416683890f));
  p = fma(p, r, splat(0.166665211f));
  p = fma(p, r, splat(0.5f));
  p = fma(p * r, r, r) + splat(1.0f);
  return scale_by_power(p, n, x);
}

// 1 / (1 + e^-z)
ESP_INLINE Vector sigmoid(Vector z) {
  const Vector e = exp_nonpositive(-abs(z));
  return if_negative(z, e, splat(1.0f)) / (splat(1.0f) + e);
}

// x * sigmoid(z), where sigmoid(z) is 0 for every x below -200: the limit 0 at minus infinity.
ESP_INLINE Vector times_sigmoid(Vector x, Vector z) { return max(splat(-200.0f), x) * sigmoid(z); }

// tanh(x) = x P(x^2) / Q(x^2) up to |x| = 9.02, 1 beyond; relative error <= 3.2e-7.
ESP_INLINE Vector tanh(Vector x) {
  const Vector b = max(splat(-9.02f), min(splat(9.02f), x));
  const Vector s = b * b;
  Vector p = splat(-1.22035784e-11f);
  p = fma(p, s, splat(3.05851806e-08f));
  p = fma(p, s, splat(2.80075255e-05f));
  p = fma(p, s, splat(0.00386833097f));
  p = fma(p, s, splat(0.136799172f));
  p = fma(p, s, splat(1.0f));
  Vector q = splat(1.28737122e-06f);
  q = fma(q, s, splat(0.000393863709f));
  q = fma(q, s, splat(0.0272458512f));
  q = fma(q, s, splat(0.4701325f));
  q = fma(q, s, splat(1.0f));
  return b * p / q;
}

// x Phi(x) = max(x, 0) - a Q(a), a = |x|, Q the normal distribution's upper tail = e^(-a^2/2) t P(t),
// t = 1 / (1 + 0.3 a). So no digits cancel: absolute error <= 1.2e-7 max(1, |x|), 0 at minus infinity.
ESP_INLINE Vector gelu(Vector x) {
  const Vector a = min(splat(14.5f), abs(x));
  const Vector t = splat(1.0f) / fma(a, splat(0.3f), splat(1.0f));
  Vector p = splat(0.0357968248f);
  p = fma(p, t, splat(-0.157274276f));
  p = fma(p, t, splat(0.205660969f));
  p = fma(p, t, splat(-0.0522501506f));
  p = fma(p, t, splat(0.127369970f));
  p = fma(p, t, splat(0.100403577f));
  p = fma(p, t, splat(0.120656379f));
  p = fma(p, t, splat(0.119636722f));
  const Vector e = exp_nonpositive(a * a * splat(-0.5f));
  return max(splat(0.0f), x) - (a * t) * (p * e);
}

// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 = x sigmoid(2 sqrt(2/pi) x (1 + 0.044715 x^2))
ESP_INLINE Vector gelu_tanh(Vector x) {
  const Vector inner = fma(x * x, splat(0.0713548163f), splat(1.59576912f));
  return times_sigmoid(x, x * inner);
}

template <int kActivation>
ESP_INLINE Vector activate(Vector x) {
  if constexpr (kActivation == ESP_GELU) return gelu(x);
  if constexpr (kActivation == ESP_GELU_NEW) return gelu_tanh(x);
  if constexpr (kActivation == ESP_QUICK_GELU) return times_sigmoid(x, x * splat(1.702f));
  if constexpr (kActivation == ESP_RELU) return max(splat(0.0f), x);
  if constexpr (kActivation == ESP_SILU) return times_sigmoid(x, x);
  if constexpr (kActivation == ESP_TANH) return tanh(x);
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
