// The emulator's side of kernels/ptx_sm90.cuh, which documents every function.
#ifndef SIMT_PTX_SM90_H
#define SIMT_PTX_SM90_H

#include <cuda.h>

#include "simt/ptx.h"

namespace simt {

void mbarrier_init(uint64_t* barrier, int arrivals, Site site = Site::here());
inline void mbarrier_fence_init() {}
void mbarrier_arrive(uint64_t* barrier, Site site = Site::here());
void mbarrier_arrive_expect(uint64_t* barrier, int bytes, Site site = Site::here());
void mbarrier_wait(uint64_t* barrier, int parity, Site site = Site::here());
void fence_async_proxy();

void tma_load(void* tile, const CUtensorMap* map, int column, int row, uint64_t* barrier, Site site = Site::here());

enum class Element { kF16, kBf16, kS8 };
void wgmma(Element element, void* d, int n, uint64_t a, uint64_t b, int accumulate, Site site);
void wgmma_fence(Site site = Site::here());
void wgmma_commit(Site site = Site::here());
void wgmma_wait_for(int pending, Site site);
template <int pending>
inline void wgmma_wait(Site site = Site::here()) {
  wgmma_wait_for(pending, site);
}

#define SIMT_WGMMA(n, k_, suffix, type, element)                                                       \
  inline void wgmma_m64n##n##k##k_##_##suffix(type(&d)[n / 2], uint64_t a, uint64_t b, int accumulate, \
                                              Site site = Site::here()) {                              \
    wgmma(Element::element, d, n, a, b, accumulate, site);                                             \
  }
SIMT_WGMMA(64, 16, f16, float, kF16)
SIMT_WGMMA(64, 16, bf16, float, kBf16)
SIMT_WGMMA(64, 32, s8, int32_t, kS8)
SIMT_WGMMA(128, 16, f16, float, kF16)
SIMT_WGMMA(128, 16, bf16, float, kBf16)
SIMT_WGMMA(128, 32, s8, int32_t, kS8)
SIMT_WGMMA(256, 16, f16, float, kF16)
SIMT_WGMMA(256, 16, bf16, float, kBf16)
SIMT_WGMMA(256, 32, s8, int32_t, kS8)
#undef SIMT_WGMMA

template <int registers>
inline void more_registers() {}
template <int registers>
inline void fewer_registers() {}

}  // namespace simt
#endif
