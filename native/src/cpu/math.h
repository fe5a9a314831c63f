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

// tanh(x), relative error <= 6 u. Up to |x| = 0.625 x + x^3 P(x^2), where 1 - e^-2a would cancel; beyond,
// (1 - e^-2a) / (1 + e^-2a), a = |x|, which is 1 from a = 9.02 on.
ESP_INLINE Vector tanh(Vector x) {
  const Vector a = abs(x);
  const Vector s = x * x;
  Vector p = splat(-0.005672732f);
  p = fma(p, s, splat(0.020611197f));
  p = fma(p, s, splat(-0.053731497f));
  p = fma(p, s, splat(0.13331348f));
  p = fma(p, s, splat(-0.33333278f));
  const Vector small = fma(p * s, x, x);
  const Vector e = exp_nonpositive(a * splat(-2.0f));
  const Vector large = (splat(1.0f) - e) / (splat(1.0f) + e);
  return if_negative(a - splat(0.625f), small, if_negative(x, splat(0.0f) - large, large));
}

// x Phi(x) = max(x, 0) - a Q(a), a = |x|, Q the normal distribution's upper tail: so that no digits cancel.
#if ESP_ISA >= 2
// a Q(a) as a polynomial of degree 5 in 2.5 a - i, for i = 2.5 a rounded: entry [d][i] is the coefficient of degree d,
// and a vector register holds one degree of all. From a = 5.8 on, where a Q(a) < 2e-8, it is 0. Absolute error of
// a Q(a) <= 2.7e-8.
alignas(64) constexpr float kGelu[6][16] = {
    {0.0f, 0.137831286f, 0.169484332f, 0.138083622f, 0.087678872f, 0.0455002636f, 0.0196740814f, 0.00715436228f,
     0.00219884072f, 0.000572791148f, 0.000126685263f, 2.3815348e-05f, 3.80802953e-06f, 5.18164427e-07f,
     6.00214278e-08f, 0.0f},
    {0.200000003f, 0.0789080933f, -0.00795912556f, -0.0471814387f, -0.0490696244f, -0.0340927243f, -0.0182197355f,
     -0.00784325134f, -0.00277677644f, -0.000817495049f, -0.000201459959f, -4.17338488e-05f, -7.28841906e-06f,
     -1.07525557e-06f, -1.34207923e-07f, 0.0f},
    {-0.0638305172f, -0.0542086139f, -0.0315189175f, -0.00870050862f, 0.00496871164f, 0.00863861479f, 0.00673655886f,
     0.00369828823f, 0.00157163909f, 0.000536499894f, 0.000149868589f, 3.46289598e-05f, 6.66375036e-06f,
     1.07289793e-06f, 1.45007249e-07f, 0.0f},
    {-3.90996411e-06f, 0.00603337865f, 0.0083057303f, 0.0063631041f, 0.00272618979f, 1.3192728e-07f, -0.00100900268f,
     -0.000907854293f, -0.000507823948f, -0.000210541359f, -6.85187624e-05f, -1.79779818e-05f, -3.86024567e-06f,
     -6.84661472e-07f, -1.00935203e-07f, 0.0f},
    {0.00172412419f, 0.00113337173f, -1.6648517e-05f, -0.000819452223f, -0.000865777023f, -0.000461381889f,
     -7.81014969e-05f, 8.73560712e-05f, 9.40317041e-05f, 5.31952828e-05f, 2.13544208e-05f, 6.59161515e-06f,
     1.6200504e-06f, 3.23054593e-07f, 5.28749773e-08f, 0.0f},
    {-5.05035969e-05f, -0.000202034425f, -0.000222783128f, -8.42902737e-05f, 5.32705744e-05f, 9.1242393e-05f,
     5.58388674e-05f, 1.31295546e-05f, -6.43439125e-06f, -8.10502843e-06f, -4.49239815e-06f, -1.70417275e-06f,
     -4.888538e-07f, -1.10504175e-07f, -2.01179926e-08f, 0.0f},
};

ESP_INLINE Vector gelu(Vector x) {
  // Added to it, a number below 2^22 is rounded to an integer in the sum's lowest bits.
  const Vector magic = splat(12582912.0f);
  const Vector scale = splat(2.5f);
  const Vector a = min(splat(6.0f), abs(x));
  const Vector shifted = fma(a, scale, magic);
  const __m512i index = _mm512_castps_si512(shifted);
  const Vector t = fma(a, scale, magic - shifted);
  Vector p = _mm512_permutexvar_ps(index, load(kGelu[5]));
#pragma GCC unroll 5
  for (int d = 4; d >= 0; --d) p = fma(p, t, _mm512_permutexvar_ps(index, load(kGelu[d])));
  return max(splat(0.0f), x) - p;
}
#else
// a Q(a) = a e^(-a^2/2) t P(t), t = 1 / (1 + 0.3 a). Absolute error <= 6e-8 max(1, |x|), 0 at minus infinity.
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
#endif

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
