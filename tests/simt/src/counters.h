// Counts what kernels do, in units of the hardware: requests of a warp, sectors, wavefronts.
#ifndef SIMT_COUNTERS_H
#define SIMT_COUNTERS_H

#include "emulator_internal.h"
#include "simt/emulator.h"

namespace simt {

enum class Space : uint8_t { kGlobal, kShared };

// Counters of the running kernel.
Counters& current_counters();
void count_launch(const void* kernel, uint64_t blocks);

// An access by the running thread. The n-th accesses that the lanes of a warp do at one place are one request.
void log_access(const void* address, size_t bytes, Space space, Where where);
// ldmatrix: eight rows of 16 bytes at a time.
void count_matrix_load(const void* const* rows, int matrices);

// Requests do not reach across a barrier or a collective of the whole warp.
void flush_accesses(int warp);
void flush_accesses();

}  // namespace simt
#endif
