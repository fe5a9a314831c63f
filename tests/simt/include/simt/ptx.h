// The emulator's side of kernels/ptx.cuh, which documents every function.
#ifndef SIMT_PTX_H
#define SIMT_PTX_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace simt {

uint32_t shared_address(const void* shared);

void mma_m16n8k16_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = Site::here());
void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = Site::here());
void mma_m16n8k32_s8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = Site::here());
void mma_m16n8k8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = Site::here());
uint32_t to_tf32(float x);

void load_matrices(uint32_t* r, int count, bool transpose, const void* row, Site site);
inline void ldmatrix_x1(uint32_t (&r)[1], const void* row, Site site = Site::here()) {
  load_matrices(r, 1, false, row, site);
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, Site site = Site::here()) {
  load_matrices(r, 2, false, row, site);
}
inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, Site site = Site::here()) {
  load_matrices(r, 4, false, row, site);
}
inline void ldmatrix_x1_trans(uint32_t (&r)[1], const void* row, Site site = Site::here()) {
  load_matrices(r, 1, true, row, site);
}
inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row, Site site = Site::here()) {
  load_matrices(r, 2, true, row, site);
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, Site site = Site::here()) {
  load_matrices(r, 4, true, row, site);
}

void cp_async(void* shared, const void* global, int size, int bytes, Site site);
inline void cp_async_16(void* shared, const void* global, int bytes = 16, Site site = Site::here()) {
  cp_async(shared, global, 16, bytes, site);
}
inline void cp_async_8(void* shared, const void* global, int bytes = 8, Site site = Site::here()) {
  cp_async(shared, global, 8, bytes, site);
}
inline void cp_async_4(void* shared, const void* global, int bytes = 4, Site site = Site::here()) {
  cp_async(shared, global, 4, bytes, site);
}
void cp_async_commit();
void cp_async_wait_for(int pending);
template <int pending>
inline void cp_async_wait() {
  cp_async_wait_for(pending);
}

void barrier_sync(int id, int threads, Site site = Site::here());
void barrier_arrive(int id, int threads, Site site = Site::here());

}  // namespace simt
#endif
