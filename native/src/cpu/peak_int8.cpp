// The ceiling of every int8 product here: independent chains of dot-product steps in registers.
#include "cpu/ops.h"
#include "cpu/simd_int8.h"
#include "cpu/tiles.h"

namespace espalier {
namespace ESP_ISA_NS {

#if ESP_AMX

// As below; a round of tiles does so much that a quarter of the rounds is long enough.
double dot_chains(int64_t iterations) {
  const TileScope scope;
  alignas(64) uint8_t ones[kTileRows][kTileBytes];
  for (auto& row : ones) {
    for (uint8_t& x : row) x = 1;
  }
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  tile_load<4>(ones, kTileBytes);
  tile_load<5>(ones, kTileBytes);
  tile_load<6>(ones, kTileBytes);
  tile_load<7>(ones, kTileBytes);
  const int64_t rounds = iterations / 4 + 1;
  for (int64_t n = 0; n < rounds; ++n) {
    tile_dot_bytes<0, 4, 6>();
    tile_dot_bytes<1, 4, 7>();
    tile_dot_bytes<2, 5, 6>();
    tile_dot_bytes<3, 5, 7>();
  }
  return static_cast<double>(rounds) * 4 * kTileRows * kTileRows * kTileBytes * 2;
}

#else

// Runs `iterations` rounds, returns the int8 multiplications and additions done.
double dot_chains(int64_t iterations) {
  constexpr int kChains = 12;
  IntVector chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = splat_int(i);
  IntVector x = splat_int(0x01020102);
  IntVector w = splat_int(0x00010003);
  keep(x);
  keep(w);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      keep(x);  // no product is another chain's
      chain[i] = dot<DenseCode>(chain[i], x, w);
      keep(chain[i]);
    }
  }
  IntVector sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = add(sum, chain[i]);
  int32_t lanes[kLanes];
  store(lanes, sum);
  const volatile int32_t kept = lanes[0];
  (void)kept;
  return static_cast<double>(iterations) * kChains * kLanes * kCodes<DenseCode> * 2;
}

#endif

}  // namespace ESP_ISA_NS
}  // namespace espalier
