// AMX: eight registers that are tiles of 16 rows of 64 bytes, and products of them.
//
// A product adds to a tile C of int32 or fp32 [16][16], for each of 16 steps over k, what a row of A, [16][4] bytes or
// [16][2] bf16, gives with a row of B, [16][4] or [16][2]: B's rows are steps, as a panel has them (kernels.h).
//
// Tiles exist only where a TileScope does, of which a task makes one. Registers are the numbers of the templates; the
// compiler knows nothing of them.
#ifndef ESPALIER_CPU_TILES_H
#define ESPALIER_CPU_TILES_H

#include "cpu/simd.h"

#if !defined(ESP_AMX)
#define ESP_AMX 0
#endif

namespace espalier {
namespace ESP_ISA_NS {

constexpr int kTileRows = 16;   // of A and C; steps of B
constexpr int kTileBytes = 64;  // in a row of each

#if ESP_AMX

// All tiles at their full size: what is beyond the rows of a matrix is computed and not looked at.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {kTileBytes, kTileBytes, kTileBytes, kTileBytes,
                            kTileBytes, kTileBytes, kTileBytes, kTileBytes};
  uint8_t rows[16] = {kTileRows, kTileRows, kTileRows, kTileRows, kTileRows, kTileRows, kTileRows, kTileRows};
};
static_assert(sizeof(TileShapes) == 64, "what ldtilecfg reads");

// While it lives this thread has tiles. A thread that has none left costs nothing at a context switch.
class TileScope {
 public:
  TileScope() {
    static constexpr TileShapes shapes;
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes) : "memory");
  }
  ~TileScope() { __asm__ volatile("tilerelease" : : : "memory"); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

// Rows are `pitch` bytes apart; with a pitch of 0 all are the first.
template <int T>
ESP_INLINE void tile_load(const void* p, int64_t pitch) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(pitch), "i"(T) : "memory");
}
template <int T>
ESP_INLINE void tile_store(void* p, int64_t pitch) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(pitch), "i"(T) : "memory");
}
template <int T>
ESP_INLINE void tile_zero() {
  __asm__ volatile("tilezero %%tmm%c0" : : "i"(T));
}
// C += A * B: unsigned bytes times signed ones, whole products to int32.
template <int C, int A, int B>
ESP_INLINE void tile_dot_bytes() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

// C += A * B of bf16 numbers: bf16.h has the order of the sums.
template <int C, int A, int B>
ESP_INLINE void tile_dot_bf16() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

#else

struct TileScope {
  TileScope() {}
};

#endif

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
