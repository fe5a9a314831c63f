// Which queries a block has: the work list of (sequence, query tile), without a list.
//
// Sequence b owns the slots from offsets[b] / tile + b on. Up to the next sequence's there are at least
// ceil(length / tile) of them, so the tiles of a sequence lie in its own slots, and the number of slots of a batch
// follows from its tokens and sequences alone. A slot too many ends at once.
#ifndef ESPALIER_ATTENTION_TILES_CUH
#define ESPALIER_ATTENTION_TILES_CUH

#include <cuda_runtime.h>

#include <cstdint>

namespace espalier {

struct QueryTile {
  int64_t sequence;
  int64_t start;   // the sequence's first row
  int64_t length;  // of the sequence
  int64_t first;   // query of the tile, from the sequence's start; at least `length` if the slot is one too many
};

template <int tile>
inline int64_t query_tile_slots(int64_t tokens, int64_t sequences) {
  return tokens / tile + sequences;
}

template <int tile>
__device__ __forceinline__ QueryTile find_query_tile(int64_t slot, int64_t sequences, const int32_t* offsets) {
  int64_t low = 0, high = sequences - 1;  // the last sequence whose slots begin at or before this one
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (offsets[middle] / tile + middle <= slot) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const int64_t start = offsets[low];
  return {low, start, offsets[low + 1] - start, (slot - (start / tile + low)) * tile};
}

// What head masks say of a head in a sequence. The context of a head with the factor 0 is zeros, whatever its values.
struct HeadMask {
  const float* factors;  // [sequences, pitch], or null
  int64_t pitch;

  __device__ __forceinline__ float of(int64_t sequence, int32_t index) const {
    return factors == nullptr ? 1.0f : factors[sequence * pitch + index];
  }
};

}  // namespace espalier
#endif
