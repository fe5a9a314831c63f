// What the emulator remembers about shared memory: who wrote and read each word last, and whether it was written at
// all.
#ifndef SIMT_SHADOW_H
#define SIMT_SHADOW_H

#include "emulator_internal.h"

namespace simt {

// A block begins: its dynamic shared memory holds garbage, and nobody has written any.
void begin_shared(size_t dynamic_bytes);

bool in_dynamic_shared(const void* address);
bool in_static_shared(const void* address);
size_t dynamic_offset(const void* address);

// An access by the running thread. Stops the kernel at a race, an uninitialised read, or a read of what is still being
// copied.
void touch_shared(const void* address, size_t bytes, Access access, Where where);

// An asynchronous write by `party` (a thread's number or kAsyncProxy) begins; it is checked like a write of the running
// thread. Until it is settled nobody may touch the place.
void pend_shared(const void* address, size_t bytes, Where where);
// The asynchronous write is over: it counts as written by `party` at `time`.
void settle_shared(const void* address, size_t bytes, uint16_t party, uint32_t time, Where where);

}  // namespace simt
#endif
