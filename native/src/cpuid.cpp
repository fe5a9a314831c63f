#include "espalier.h"
#include "isa.h"
#if defined(ESP_X86)
#include <cpuid.h>
#endif
#if defined(ESP_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace espalier {
namespace {

#if defined(ESP_X86)
// The register states that the operating system saves and restores (XCR0); 0 where it does not use xsave.
uint64_t enabled_states(unsigned leaf1_ecx) {
  if ((leaf1_ecx & (1u << 27)) == 0) return 0;
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Linux gives a process tiles when it asks (ARCH_REQ_XCOMP_PERM), unless a thread has a signal stack that is too small
// to save them; all threads have them then.
bool tiles_allowed() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;  // its number in XCR0
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// Tiles as tiles.h wants them: the first palette is 8 of 16 rows of 64 bytes.
bool tiles_known() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) != 0 && b == (8u << 16 | 64u) && (c & 0xffffu) == 16u;
}

// Bit i is set if the ESP_ISA_ i is there.
uint32_t instruction_sets() {
  uint32_t sets = 1u << ESP_ISA_PORTABLE;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return sets;
  const uint64_t states = enabled_states(c);
  const bool fma = (c & (1u << 12)) != 0;
  const bool f16c = (c & (1u << 29)) != 0;
  const bool avx = (c & (1u << 28)) != 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return sets;
  const unsigned subleaves = a;
  constexpr unsigned kTileBits = 1u << 22 | 1u << 24 | 1u << 25;  // amx-bf16, amx-tile, amx-int8
  constexpr uint64_t kTileStates = 3u << 17;
  if (!avx || !fma || !f16c || (b & (1u << 5)) == 0 || (states & 0x6) != 0x6) return sets;
  sets |= 1u << ESP_ISA_AVX2;
  const bool tiles = (d & kTileBits) == kTileBits && (states & kTileStates) == kTileStates;
  const unsigned f_dq_bw_vl = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
  if ((b & f_dq_bw_vl) == f_dq_bw_vl && (states & 0xe6) == 0xe6) {
    sets |= 1u << ESP_ISA_AVX512;
    if ((c & (1u << 11)) != 0) sets |= 1u << ESP_ISA_AVX512_VNNI | 1u << ESP_ISA_AVX512VL_VNNI;
  }
  if (subleaves < 1 || __get_cpuid_count(7, 1, &a, &b, &c, &d) == 0) return sets;
  if ((a & (1u << 4)) != 0) sets |= 1u << ESP_ISA_AVX_VNNI;
  if ((a & (1u << 5)) != 0 && (sets & 1u << ESP_ISA_AVX512_VNNI) != 0) {
    sets |= 1u << ESP_ISA_AVX512_BF16;
    if (tiles && tiles_known() && tiles_allowed()) sets |= 1u << ESP_ISA_AMX;
  }
  return sets;
}
#else
uint32_t instruction_sets() { return 1u << ESP_ISA_PORTABLE; }
#endif

}  // namespace

bool isa_available(int32_t isa) {
  static const uint32_t sets = instruction_sets();
  return isa >= 0 && isa < ESP_ISA_COUNT && (sets >> isa & 1u) != 0;
}

}  // namespace espalier
