// What CUDA C++ adds to C++ inside a kernel, for a host compiler: qualifiers, built-in variables, barriers, warp
// collectives, atomics. simt/math.h has the arithmetic. Behaviour is that of the CUDA C++ Programming Guide.
#ifndef SIMT_DEVICE_H
#define SIMT_DEVICE_H

#include <cstring>
#include <type_traits>

#include "simt/types.h"

#define ESPALIER_SIMT 1

#define __global__
#define __device__
#define __host__
// Blocks run one after the other, so that a static variable is a block's own; the emulator knows when a block begins.
#define __shared__ static
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

#define threadIdx (::simt::thread_index())
#define blockIdx (::simt::block_index())
#define blockDim (::simt::block_shape())
#define gridDim (::simt::grid_shape())
constexpr int warpSize = 32;

namespace simt {

// Where a collective was called. Threads that meet in one must have come from the same line.
struct Site {
  const char* file;
  int line;
  // As a default argument: where the function that has it is called.
  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return Site{file, line};
  }
};

// A thread keeps its place for as long as its stack lives, hence const.
[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] uint3 block_shape();
[[gnu::const]] uint3 grid_shape();
[[gnu::const]] void* dynamic_shared();

enum class BarrierResult { kNone, kCount, kAnd, kOr };
int barrier(BarrierResult result, int predicate, Site site);
void warp_barrier(unsigned mask, Site site);

enum class Shuffle { kIndex, kUp, kDown, kXor };
uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int argument, int width, Site site);
enum class Vote { kBallot, kAny, kAll };
unsigned vote(Vote kind, unsigned mask, int predicate, Site site);
unsigned match_any(unsigned mask, uint64_t value, Site site);
enum class Reduce { kAdd, kMinSigned, kMaxSigned, kMinUnsigned, kMaxUnsigned, kAnd, kOr, kXor };
unsigned reduce(Reduce kind, unsigned mask, unsigned value, Site site);
unsigned active_mask();

// Returns the old value; `update` gets it and gives the new one.
uint64_t atomic(void* address, size_t bytes, uint64_t (*update)(uint64_t old, uint64_t a, uint64_t b), uint64_t a,
                uint64_t b = 0);

void trap();
uint64_t clock_ticks();

template <typename T>
inline uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "4 or 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <typename T>
inline T from_bits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T, typename Operation>
inline T atomic_as(T* address, T operand) {
  return from_bits<T>(atomic(
      address, sizeof(T),
      [](uint64_t old, uint64_t a, uint64_t) { return to_bits<T>(Operation()(from_bits<T>(old), from_bits<T>(a))); },
      to_bits(operand)));
}

}  // namespace simt

// ---- barriers and fences -------------------------------------------------------------------------------------------

inline void __syncthreads(simt::Site site = simt::Site::here()) { simt::barrier(simt::BarrierResult::kNone, 0, site); }
inline int __syncthreads_count(int p, simt::Site site = simt::Site::here()) {
  return simt::barrier(simt::BarrierResult::kCount, p, site);
}
inline int __syncthreads_and(int p, simt::Site site = simt::Site::here()) {
  return simt::barrier(simt::BarrierResult::kAnd, p, site);
}
inline int __syncthreads_or(int p, simt::Site site = simt::Site::here()) {
  return simt::barrier(simt::BarrierResult::kOr, p, site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, simt::Site site = simt::Site::here()) {
  simt::warp_barrier(mask, site);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
inline void __trap() { simt::trap(); }
inline long long clock64() { return static_cast<long long>(simt::clock_ticks()); }

// ---- warp collectives ----------------------------------------------------------------------------------------------

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, simt::Site site = simt::Site::here()) {
  return simt::from_bits<T>(simt::shuffle(simt::Shuffle::kIndex, mask, simt::to_bits(value), lane, width, site));
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                        simt::Site site = simt::Site::here()) {
  return simt::from_bits<T>(
      simt::shuffle(simt::Shuffle::kUp, mask, simt::to_bits(value), static_cast<int>(delta), width, site));
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                          simt::Site site = simt::Site::here()) {
  return simt::from_bits<T>(
      simt::shuffle(simt::Shuffle::kDown, mask, simt::to_bits(value), static_cast<int>(delta), width, site));
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize,
                         simt::Site site = simt::Site::here()) {
  return simt::from_bits<T>(simt::shuffle(simt::Shuffle::kXor, mask, simt::to_bits(value), lanes, width, site));
}
inline unsigned __ballot_sync(unsigned mask, int p, simt::Site site = simt::Site::here()) {
  return simt::vote(simt::Vote::kBallot, mask, p, site);
}
inline int __any_sync(unsigned mask, int p, simt::Site site = simt::Site::here()) {
  return static_cast<int>(simt::vote(simt::Vote::kAny, mask, p, site));
}
inline int __all_sync(unsigned mask, int p, simt::Site site = simt::Site::here()) {
  return static_cast<int>(simt::vote(simt::Vote::kAll, mask, p, site));
}
template <typename T>
inline unsigned __match_any_sync(unsigned mask, T value, simt::Site site = simt::Site::here()) {
  return simt::match_any(mask, simt::to_bits(value), site);
}
inline unsigned __activemask() { return simt::active_mask(); }

#define SIMT_REDUCE(name, type, kind)                                                                 \
  inline type __reduce_##name##_sync(unsigned mask, type v, simt::Site site = simt::Site::here()) {   \
    return static_cast<type>(simt::reduce(simt::Reduce::kind, mask, static_cast<unsigned>(v), site)); \
  }
SIMT_REDUCE(add, int, kAdd)
SIMT_REDUCE(add, unsigned, kAdd)
SIMT_REDUCE(min, int, kMinSigned)
SIMT_REDUCE(min, unsigned, kMinUnsigned)
SIMT_REDUCE(max, int, kMaxSigned)
SIMT_REDUCE(max, unsigned, kMaxUnsigned)
SIMT_REDUCE(and, unsigned, kAnd)
SIMT_REDUCE(or, unsigned, kOr)
SIMT_REDUCE(xor, unsigned, kXor)
#undef SIMT_REDUCE

// ---- atomics -------------------------------------------------------------------------------------------------------

#define SIMT_ATOMIC(name, type, expression)                                                 \
  inline type name(type* address, type operand) {                                           \
    struct Operation {                                                                      \
      type operator()(type old, type given) const { return static_cast<type>(expression); } \
    };                                                                                      \
    return simt::atomic_as<type, Operation>(address, operand);                              \
  }
SIMT_ATOMIC(atomicAdd, int, static_cast<unsigned>(old) + static_cast<unsigned>(given))
SIMT_ATOMIC(atomicAdd, unsigned, old + given)
SIMT_ATOMIC(atomicAdd, unsigned long long, old + given)
SIMT_ATOMIC(atomicAdd, float, old + given)
SIMT_ATOMIC(atomicMax, int, old > given ? old : given)
SIMT_ATOMIC(atomicMax, unsigned, old > given ? old : given)
SIMT_ATOMIC(atomicMax, unsigned long long, old > given ? old : given)
SIMT_ATOMIC(atomicMin, int, old < given ? old : given)
SIMT_ATOMIC(atomicMin, unsigned, old < given ? old : given)
SIMT_ATOMIC(atomicMin, unsigned long long, old < given ? old : given)
SIMT_ATOMIC(atomicExch, int, (static_cast<void>(old), given))
SIMT_ATOMIC(atomicExch, unsigned, (static_cast<void>(old), given))
SIMT_ATOMIC(atomicExch, unsigned long long, (static_cast<void>(old), given))
SIMT_ATOMIC(atomicExch, float, (static_cast<void>(old), given))
SIMT_ATOMIC(atomicAnd, unsigned, old& given)
SIMT_ATOMIC(atomicOr, unsigned, old | given)
SIMT_ATOMIC(atomicXor, unsigned, old ^ given)
SIMT_ATOMIC(atomicInc, unsigned, old >= given ? 0 : old + 1)
#undef SIMT_ATOMIC

template <typename T>
inline T atomicCAS(T* address, T compare, T value) {
  return simt::from_bits<T>(simt::atomic(
      address, sizeof(T), [](uint64_t old, uint64_t a, uint64_t b) { return old == a ? b : old; },
      simt::to_bits(compare), simt::to_bits(value)));
}

#endif
