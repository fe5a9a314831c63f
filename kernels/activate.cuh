// The activations, one value at a time; CPU twin: native/src/cpu/math.h.
#ifndef ESPALIER_ACTIVATE_CUH
#define ESPALIER_ACTIVATE_CUH

#include <cuda_runtime.h>

#include "espalier.h"

namespace espalier {

// x * sigmoid(s); e^-s would overflow from -88 down.
__device__ __forceinline__ float times_sigmoid(float x, float s) {
  if (s < -200.0f) return 0.0f;
  return s < -88.0f ? x * expf(s) : x / (1.0f + expf(-s));
}

// x (1 + z) / 2, 0 where z is -1 even if x is minus infinity.
__device__ __forceinline__ float half_of_one_plus(float x, float z) {
  return z <= -1.0f ? 0.0f : 0.5f * x * (1.0f + z);
}

__device__ __forceinline__ float activate(int32_t activation, float x) {
  switch (activation) {
    case ESP_GELU:
      return half_of_one_plus(x, erff(x * 0.70710678118654752440f));
    case ESP_GELU_NEW:
    case ESP_GELU_PYTORCH_TANH:
      return half_of_one_plus(x, tanhf(0.79788456080286535588f * fmaf(0.044715f * x * x, x, x)));
    case ESP_GELU_FAST:
      return half_of_one_plus(x, tanhf(0.7978845608f * x * fmaf(0.044715f * x, x, 1.0f)));
    case ESP_QUICK_GELU:
      return times_sigmoid(x, 1.702f * x);
    case ESP_RELU:
      return x < 0.0f ? 0.0f : x;
    case ESP_SILU:
      return times_sigmoid(x, x);
    default:
      return tanhf(x);
  }
}

}  // namespace espalier
#endif
