// Aligned, zeroed memory. Blocks of 2 MiB and more are mapped on their own, on huge pages where the system grants them.
#ifndef ESPALIER_MEMORY_H
#define ESPALIER_MEMORY_H

#include <cstdint>

namespace espalier {

// `bytes` >= 0 of zeroed memory aligned to 64 bytes; null if there is none. Never throws.
void* allocate(int64_t bytes) noexcept;

// The same, but throws Error(ESP_OUT_OF_MEMORY).
void* allocate_or_throw(int64_t bytes);

// Gives back what allocate returned; null is ignored.
void release(void* memory) noexcept;

}  // namespace espalier
#endif
