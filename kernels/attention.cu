// context = factor * softmax(q k^T * scale) v for each sequence and head, over the sequence's own keys
// qkv [T, 2*sum(qk)+sum(v)], context [T, sum(v)] elements with pitches   offsets [sequences+1]   key_mask [T] or null
// head_mask [sequences, more than the largest index]: the factors, or null for 1   a head with factor 0 is not computed
// any head width from 1 to 256   a sequence whose keys are all masked gives zeros
// grid (query tiles, heads)   block 128   smem tiles of q, k, v and p in floats
// all arithmetic in f32, online softmax over key tiles from the sequence's own start
// CPU twin: native/src/cpu/attention.cpp
#include "attention_tiles.cuh"
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "reduce.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

constexpr int kQueries = 32;
constexpr int kKeys = 32;
constexpr int kThreads = 128;  // four for a query

// Floats from row to row of a tile: a multiple of 4 whose rows begin in different banks.
__device__ __host__ constexpr int row_pitch(int width) { return (width + 3) / 4 * 4 + 4; }

// rows x width elements to shared memory as floats; zeros beyond both, up to a multiple of four columns.
template <typename E>
__device__ __forceinline__ void load_tile(float* shared, const E* x, int64_t pitch, int rows, int width) {
  const int quads = (width + 3) / 4;
  for (int i = static_cast<int>(threadIdx.x); i < kKeys * quads; i += kThreads) {
    const int row = i / quads;
    const int column = i % quads * 4;
    float v[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      v[j] = row < rows && column + j < width ? to_float(x[row * pitch + column + j]) : 0.0f;
    }
    store_pack(shared + row * row_pitch(width) + column, 4, true, v);
  }
}

// A thread's part: query `threadIdx.x / 4`, keys `threadIdx.x % 4 + 4 i`, columns `threadIdx.x % 4 * 4 + 16 i` and the
// three beside.
template <typename E, int value_width>
__global__ void __launch_bounds__(kThreads)
    attention_kernel(const E* qkv, int64_t qkv_pitch, RowCount sequences, const int32_t* offsets,
                     const uint8_t* key_mask, const Head* heads, HeadMask head_mask, E* context,
                     int64_t context_pitch) {
  const QueryTile tile = find_query_tile<kQueries>(blockIdx.x, count_of(sequences), offsets);
  if (tile.first >= tile.length) return;
  const Head head = heads[blockIdx.y];
  const float factor = head_mask.of(tile.sequence, head.index);
  if (factor == 0.0f) {
    const int rows = static_cast<int>(min(static_cast<int64_t>(kQueries), tile.length - tile.first));
    E* to = context + (tile.start + tile.first) * context_pitch + head.context;
    for (int i = static_cast<int>(threadIdx.x); i < rows * head.v_width; i += kThreads) {
      to[i / head.v_width * context_pitch + i % head.v_width] = from_float<E>(0.0f);
    }
    return;
  }
  const int qk_pitch = row_pitch(head.qk_width);
  const int v_pitch = row_pitch(head.v_width);
  float* q = dynamic_shared<float>();
  float* k = q + kQueries * qk_pitch;
  float* v = k + kKeys * qk_pitch;
  float* p = v + kKeys * v_pitch;  // [kQueries][kKeys + 1]
  const E* sequence = qkv + tile.start * qkv_pitch;
  load_tile(q, sequence + tile.first * qkv_pitch + head.query, qkv_pitch,
            static_cast<int>(min(static_cast<int64_t>(kQueries), tile.length - tile.first)), head.qk_width);

  const int query = static_cast<int>(threadIdx.x) / 4;
  const int part = static_cast<int>(threadIdx.x) % 4;
  constexpr int kGroups = value_width / 16;
  float sums[kGroups][4] = {};
  float largest = -INFINITY, total = 0;
  bool any = false;  // key of the query is not masked
  for (int64_t first = 0; first < tile.length; first += kKeys) {
    const int keys = static_cast<int>(min(static_cast<int64_t>(kKeys), tile.length - first));
    __syncthreads();  // the tile before is read
    load_tile(k, sequence + first * qkv_pitch + head.key, qkv_pitch, keys, head.qk_width);
    load_tile(v, sequence + first * qkv_pitch + head.value, qkv_pitch, keys, head.v_width);
    __syncthreads();

    float s[kKeys / 4] = {};
    for (int d = 0; d < head.qk_width; d += 4) {
      float a[4];
      load_pack(q + query * qk_pitch + d, 4, true, a);
#pragma unroll
      for (int i = 0; i < kKeys / 4; ++i) {
        float b[4];
        load_pack(k + (part + 4 * i) * qk_pitch + d, 4, true, b);
#pragma unroll
        for (int j = 0; j < 4; ++j) s[i] = fmaf(a[j], b[j], s[i]);
      }
    }
    float tile_largest = -INFINITY;
    unsigned kept = 0;
#pragma unroll
    for (int i = 0; i < kKeys / 4; ++i) {
      const int key = part + 4 * i;
      const bool keep = key < keys && (key_mask == nullptr || key_mask[tile.start + first + key] != 0);
      kept |= keep ? 1u << i : 0u;
      s[i] = keep ? s[i] * head.scale : -INFINITY;
      tile_largest = fmaxf(tile_largest, s[i]);
    }
    tile_largest = fmaxf(tile_largest, __shfl_xor_sync(kWholeWarp, tile_largest, 1));
    tile_largest = fmaxf(tile_largest, __shfl_xor_sync(kWholeWarp, tile_largest, 2));
    const float grown = fmaxf(largest, tile_largest);
    const float base = grown == -INFINITY ? 0.0f : grown;
    const float shrink = expf(largest - base);  // 0 at first
    float tile_total = 0;
#pragma unroll
    for (int i = 0; i < kKeys / 4; ++i) {
      const float weight = (kept >> i & 1u) != 0 ? expf(s[i] - base) : 0.0f;
      tile_total += weight;
      p[query * (kKeys + 1) + part + 4 * i] = weight;
    }
    tile_total += __shfl_xor_sync(kWholeWarp, tile_total, 1);
    tile_total += __shfl_xor_sync(kWholeWarp, tile_total, 2);
    total = fmaf(total, shrink, tile_total);
    largest = grown;
    kept |= __shfl_xor_sync(kWholeWarp, kept, 1);
    kept |= __shfl_xor_sync(kWholeWarp, kept, 2);
    any = any || kept != 0;
    __syncwarp();  // a query's weights are written and read by the same warp
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[g][j] *= shrink;
    }
    for (int key = 0; key < keys; ++key) {
      const float weight = p[query * (kKeys + 1) + key];
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        const int column = g * 16 + part * 4;
        if (column < head.v_width) {
          float b[4];
          load_pack(v + key * v_pitch + column, 4, true, b);
#pragma unroll
          for (int j = 0; j < 4; ++j) sums[g][j] = fmaf(weight, b[j], sums[g][j]);
        }
      }
    }
    __syncwarp();
  }

  if (tile.first + query >= tile.length) return;
  E* row = context + (tile.start + tile.first + query) * context_pitch + head.context;
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int column = g * 16 + part * 4 + j;
      if (column < head.v_width) row[column] = from_float<E>(any ? factor * (sums[g][j] / total) : 0.0f);
    }
  }
}

template <typename E, int value_width>
cudaError_t start(const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences, const int32_t* offsets,
                  const uint8_t* key_mask, const HeadList& heads, HeadMask head_mask, void* context,
                  int64_t context_pitch, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(query_tile_slots<kQueries>(tokens.most, sequences.most)),
                    static_cast<unsigned>(heads.count));
  shape.block = dim3(kThreads);
  shape.shared_bytes =
      ((kQueries + kKeys) * row_pitch(heads.largest_qk) + kKeys * row_pitch(heads.largest_v) + kQueries * (kKeys + 1)) *
      sizeof(float);
  shape.stream = stream;
  return launch(attention_kernel<E, value_width>, shape, static_cast<const E*>(qkv), qkv_pitch, sequences, offsets,
                key_mask, heads.heads, head_mask, static_cast<E*>(context), context_pitch);
}

}  // namespace

cudaError_t attention(int32_t dtype, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                      const int32_t* offsets, const uint8_t* key_mask, const HeadList& heads, const float* head_mask,
                      int64_t head_mask_pitch, void* context, int64_t context_pitch, cudaStream_t stream) {
  if (tokens.most == 0 || sequences.most == 0) return cudaSuccess;
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const auto of_width = heads.largest_v <= 32    ? start<E, 32>
                          : heads.largest_v <= 64  ? start<E, 64>
                          : heads.largest_v <= 128 ? start<E, 128>
                                                   : start<E, 256>;
    return of_width(qkv, qkv_pitch, tokens, sequences, offsets, key_mask, heads, {head_mask, head_mask_pitch}, context,
                    context_pitch, stream);
  });
}

}  // namespace gpu
}  // namespace espalier
