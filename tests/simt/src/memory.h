// The simulated device's memory: allocations with guards between, and host memory that the device may reach.
#ifndef SIMT_MEMORY_H
#define SIMT_MEMORY_H

#include <cstddef>
#include <string>

namespace simt {

// Garbage-filled memory, aligned to 256 bytes; null if the device has no more. Addresses are not used twice.
void* allocate_device(size_t bytes);
void* allocate_pinned(size_t bytes);
// False if `memory` was not allocated, or was freed already.
bool free_device(void* memory);
bool free_pinned(void* memory);

bool in_arena(const void* address);
// Whether all of it lies in one allocation, of the device or pinned.
bool reachable(const void* address, size_t bytes);
// Where the address is, in words: "16 bytes behind an allocation of 4096 bytes".
std::string describe(const void* address);

}  // namespace simt
#endif
