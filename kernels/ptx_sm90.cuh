// Inline PTX of compute capability 9.0 (compiled for sm_90a): mbarriers, the tensor memory accelerator, warpgroup
// products. Files that include it are named *_sm90.cu. ptx.cuh has what every card runs.
//
// Tiles in shared memory are rows of 32, 64 or 128 bytes along k, begin at multiples of 1024 bytes, and are swizzled
// over that width: the 16-byte chunk c of row r lies at c ^ (r % 8) (128), c ^ (r / 2 % 4) (64), c ^ (r / 4 % 2) (32).
// TMA writes and wgmma reads them so (PTX ISA, "Swizzling modes"; "Matrix descriptor").
#ifndef ESPALIER_PTX_SM90_CUH
#define ESPALIER_PTX_SM90_CUH

#include <cuda.h>

#include "ptx.cuh"

#if !defined(__CUDACC__)
#include "simt/ptx_sm90.h"
#endif

namespace espalier {
namespace ptx {

enum class Swizzle : int { k128 = 1, k64 = 2, k32 = 3 };

// The descriptor of a tile whose rows are as wide as the swizzle. The next step of 32 bytes along k is 2 more.
__device__ __forceinline__ uint64_t wgmma_descriptor(const void* tile, Swizzle swizzle) {
  const uint64_t row_bytes = swizzle == Swizzle::k128 ? 128 : swizzle == Swizzle::k64 ? 64 : 32;
  return (shared_address(tile) & 0x3ffffu) >> 4 | uint64_t{1} << 16 | (8 * row_bytes >> 4) << 32 |
         static_cast<uint64_t>(swizzle) << 62;
}

#if defined(__CUDACC__)

// ---- mbarrier ------------------------------------------------------------------------------------------------------
// A phase is over when `arrivals` threads have arrived and the bytes that were announced have come. After mbarrier_init
// by one thread: mbarrier_fence_init, then a barrier of the block.

__device__ __forceinline__ void mbarrier_init(uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void mbarrier_fence_init() {
  asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async;" ::: "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint64_t* barrier) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}" ::"r"(shared_address(barrier))
               : "memory");
}
// Arrives, and announces bytes that TMA will bring.
__device__ __forceinline__ void mbarrier_arrive_expect(uint64_t* barrier, int bytes) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1;\n}" ::"r"(
                   shared_address(barrier)),
               "r"(bytes)
               : "memory");
}
// Waits until the phase of this parity (the first one's is 0) is over.
__device__ __forceinline__ void mbarrier_wait(uint64_t* barrier, int parity) {
  asm volatile(
      "{\n.reg .pred done;\nwait:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@done bra over;\n"
      "bra wait;\nover:\n}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// What this thread wrote to shared memory becomes visible to TMA and wgmma.
__device__ __forceinline__ void fence_async_proxy() { asm volatile("fence.proxy.async;" ::: "memory"); }

// ---- TMA: issued by one thread -------------------------------------------------------------------------------------

// Brings the map's box at element (column, row) into `tile` and counts its bytes, those outside the matrix as zeros, at
// the barrier.
__device__ __forceinline__ void tma_load(void* tile, const CUtensorMap* map, int column, int row, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::
          "r"(shared_address(tile)),
      "l"(map), "r"(column), "r"(row), "r"(shared_address(barrier))
      : "memory");
}

// ---- wgmma: executed by a warpgroup, four warps --------------------------------------------------------------------
// d (+)= a * b, with d as m16n8 fragments side by side: of warp w rows 16 w + lane / 4 (+ 8), d[4 j ..] columns 8 j ..
// a is 64 rows of 32 bytes along k, b is N rows. accumulate = 0 forgets what d held. d may be read after wgmma_wait.

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

// The registers %0 .. and the operands d[0] .. of 32, 64 and 128 accumulators.
#define ESPALIER_REGISTERS_32                              \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
  "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define ESPALIER_REGISTERS_64                                        \
  ESPALIER_REGISTERS_32                                              \
  ","                                                                \
  "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
  "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define ESPALIER_REGISTERS_128                                                   \
  ESPALIER_REGISTERS_64                                                          \
  ","                                                                            \
  "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,"             \
  "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,"             \
  "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111," \
  "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
#define ESPALIER_OPERANDS_8(c, i) \
  c(d[i]), c(d[i + 1]), c(d[i + 2]), c(d[i + 3]), c(d[i + 4]), c(d[i + 5]), c(d[i + 6]), c(d[i + 7])
#define ESPALIER_OPERANDS_16(c, i) ESPALIER_OPERANDS_8(c, i), ESPALIER_OPERANDS_8(c, i + 8)
#define ESPALIER_OPERANDS_32(c, i) ESPALIER_OPERANDS_16(c, i), ESPALIER_OPERANDS_16(c, i + 16)
#define ESPALIER_OPERANDS_64(c, i) ESPALIER_OPERANDS_32(c, i), ESPALIER_OPERANDS_32(c, i + 32)
#define ESPALIER_OPERANDS_128(c, i) ESPALIER_OPERANDS_64(c, i), ESPALIER_OPERANDS_64(c, i + 64)

// wgmma_m64n<n>k<k>_<name>; `count` = n / 2 accumulators, and the numbers of the three operands after them.
#define ESPALIER_WGMMA(n, depth, name, types, type, constraint, count, a_at, b_at, p_at, scales)                    \
  __device__ __forceinline__ void wgmma_m64n##n##k##depth##_##name(type(&d)[count], uint64_t a, uint64_t b,         \
                                                                   int accumulate) {                                \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_at ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k" #depth \
                 "." types " {" ESPALIER_REGISTERS_##count "}, %" #a_at ", %" #b_at ", p" scales ";\n}\n"           \
                 : ESPALIER_OPERANDS_##count(constraint, 0)                                                         \
                 : "l"(a), "l"(b), "r"(accumulate));                                                                \
  }
#define ESPALIER_WGMMA_OF(n, count, a_at, b_at, p_at)                                                \
  ESPALIER_WGMMA(n, 16, f16, "f32.f16.f16", float, "+f", count, a_at, b_at, p_at, ", 1, 1, 0, 0")    \
  ESPALIER_WGMMA(n, 16, bf16, "f32.bf16.bf16", float, "+f", count, a_at, b_at, p_at, ", 1, 1, 0, 0") \
  ESPALIER_WGMMA(n, 32, s8, "s32.s8.s8", int32_t, "+r", count, a_at, b_at, p_at, "")
ESPALIER_WGMMA_OF(64, 32, 32, 33, 34)
ESPALIER_WGMMA_OF(128, 64, 64, 65, 66)
ESPALIER_WGMMA_OF(256, 128, 128, 129, 130)
#undef ESPALIER_WGMMA_OF
#undef ESPALIER_WGMMA
#undef ESPALIER_OPERANDS_128
#undef ESPALIER_OPERANDS_64
#undef ESPALIER_OPERANDS_32
#undef ESPALIER_OPERANDS_16
#undef ESPALIER_OPERANDS_8
#undef ESPALIER_REGISTERS_128
#undef ESPALIER_REGISTERS_64
#undef ESPALIER_REGISTERS_32

// Gives registers to this warpgroup, or back: a multiple of 8 a thread.
template <int registers>
__device__ __forceinline__ void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

#else

using simt::fence_async_proxy;
using simt::fewer_registers;
using simt::mbarrier_arrive;
using simt::mbarrier_arrive_expect;
using simt::mbarrier_fence_init;
using simt::mbarrier_init;
using simt::mbarrier_wait;
using simt::more_registers;
using simt::tma_load;
using simt::wgmma_commit;
using simt::wgmma_fence;
using simt::wgmma_m64n128k16_bf16;
using simt::wgmma_m64n128k16_f16;
using simt::wgmma_m64n128k32_s8;
using simt::wgmma_m64n256k16_bf16;
using simt::wgmma_m64n256k16_f16;
using simt::wgmma_m64n256k32_s8;
using simt::wgmma_m64n64k16_bf16;
using simt::wgmma_m64n64k16_f16;
using simt::wgmma_m64n64k32_s8;
using simt::wgmma_wait;

#endif

}  // namespace ptx
}  // namespace espalier
#endif
