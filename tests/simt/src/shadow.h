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

// An asynchronous write, asked for by the running thread, begins; it is checked like that thread's own. Until it is
// settled nobody may touch the place.
void pend_shared(const void* address, size_t bytes, Where where);
// The asynchronous write is over: it counts as written by `party` at `time`.
void settle_shared(const void* address, size_t bytes, uint16_t party, uint32_t time, Where where);

// An asynchronous read by `party` begins; it is checked like a read of the running thread, and what threads wrote must
// have passed a fence_async_proxy. Until it is settled nobody may write there.
void pend_read_shared(const void* address, size_t bytes, uint16_t party, Where where);
void settle_read_shared(const void* address, size_t bytes, uint16_t party, uint32_t time);

// The address that stands for `offset` in descriptors.
char* shared_at(uint32_t offset);

}  // namespace simt
#endif
