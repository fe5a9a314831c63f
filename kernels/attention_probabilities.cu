// p[h,i,j] = softmax over j of (q[h,i,:] . k[h,j,:]) * scale, for one sequence
// qkv [length, 2*sum(qk)+sum(v)] elements with a pitch   key_mask [length] or null   p [heads,length,length] f32
// grid (length, heads)   block 128   one block per row of p   for diagnosis, not for speed
// scores as attention.cu's: one chain of fused multiply-adds        CPU twin: native/src/cpu/attention.cpp
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "reduce.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
__global__ void __launch_bounds__(128)
    attention_probabilities_kernel(const E* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                                   const Head* heads, float* p) {
  __shared__ float of_warp[32];
  const Head head = heads[blockIdx.y];
  const int64_t query = blockIdx.x;
  const E* q = qkv + query * qkv_pitch + head.query;
  float* row = p + (static_cast<int64_t>(blockIdx.y) * length + query) * length;
  float largest = -INFINITY;
  float any = 0;
  for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
    const E* k = qkv + j * qkv_pitch + head.key;
    float s = 0;
    for (int d = 0; d < head.qk_width; ++d) s = fmaf(to_float(q[d]), to_float(k[d]), s);
    s *= head.scale;
    if (key_mask == nullptr || key_mask[j] != 0) {
      largest = fmaxf(largest, s);
      any = 1;
    }
    row[j] = s;
  }
  largest = block_max(largest, of_warp);
  any = block_max(any, of_warp);
  const float base = largest == -INFINITY ? 0.0f : largest;
  float total = 0;
  for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
    const bool keep = key_mask == nullptr || key_mask[j] != 0;
    const float weight = keep ? expf(row[j] - base) : 0.0f;
    row[j] = weight;
    total += weight;
  }
  total = block_sum(total, of_warp);
  for (int64_t j = threadIdx.x; j < length; j += blockDim.x) row[j] = any != 0.0f ? row[j] / total : 0.0f;
}

}  // namespace

cudaError_t attention_probabilities(int32_t dtype, const void* qkv, int64_t qkv_pitch, int64_t length,
                                    const uint8_t* key_mask, const HeadList& heads, float* p, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>(length), static_cast<unsigned>(heads.count));
    shape.block = dim3(128);
    shape.stream = stream;
    return launch(attention_probabilities_kernel<E>, shape, static_cast<const E*>(qkv), qkv_pitch, length, key_mask,
                  heads.heads, p);
  });
}

}  // namespace gpu
}  // namespace espalier
