#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "simt/emulator.h"

namespace simt {
namespace {

constexpr size_t kArena = size_t{1} << 40;  // of addresses, not of memory
constexpr size_t kPage = 4096;

struct Allocation {
  size_t bytes;
  bool device, freed;
};

char* arena = nullptr;
size_t arena_used = 0;
size_t used = 0;
size_t pinned = 0;
std::map<uintptr_t, Allocation> allocations;
uintptr_t latest_begin = 0, latest_end = 0;  // where the latest access was

size_t round_up(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

void* allocate(size_t bytes, bool device) {
  if (arena == nullptr) {
    void* memory = mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    arena = static_cast<char*>(memory);
  }
  const size_t pages = round_up(bytes == 0 ? 1 : bytes);
  if (arena_used + pages + kPage > kArena) return nullptr;
  char* memory = arena + arena_used;
  if (mprotect(memory, pages, PROT_READ | PROT_WRITE) != 0) return nullptr;
  arena_used += pages + kPage;
  std::memset(memory, 0xff, bytes);
  allocations[reinterpret_cast<uintptr_t>(memory)] = Allocation{bytes, device, false};
  return memory;
}

// Whether the test wants this allocation to fail.
bool fails() { return options().fail_allocation != 0 && --options().fail_allocation == 0; }

bool release(void* memory, bool device) {
  const auto at = allocations.find(reinterpret_cast<uintptr_t>(memory));
  if (at == allocations.end() || at->second.device != device || at->second.freed) return false;
  at->second.freed = true;
  latest_begin = latest_end = 0;
  (device ? used : pinned) -= at->second.bytes;
  const size_t pages = round_up(at->second.bytes == 0 ? 1 : at->second.bytes);
  madvise(memory, pages, MADV_DONTNEED);
  mprotect(memory, pages, PROT_NONE);
  return true;
}

// The allocation at or before the address.
std::map<uintptr_t, Allocation>::const_iterator before(uintptr_t address) {
  auto at = allocations.upper_bound(address);
  return at == allocations.begin() ? allocations.end() : --at;
}

}  // namespace

void* allocate_device(size_t bytes) {
  if (fails() || bytes > options().memory || used > options().memory - bytes) return nullptr;
  void* memory = allocate(bytes, true);
  if (memory != nullptr) used += bytes;
  return memory;
}
void* allocate_pinned(size_t bytes) {
  void* memory = fails() ? nullptr : allocate(bytes, false);
  if (memory != nullptr) pinned += bytes;
  return memory;
}
bool free_device(void* memory) { return release(memory, true); }
bool free_pinned(void* memory) { return release(memory, false); }
size_t device_memory_used() { return used; }
size_t pinned_memory_used() { return pinned; }

bool in_arena(const void* address) {
  return arena != nullptr && reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(arena) < kArena;
}

bool reachable(const void* address, size_t bytes) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(address);
  if (first >= latest_begin && first + bytes <= latest_end) return true;
  const auto at = before(first);
  if (at == allocations.end() || at->second.freed || first + bytes > at->first + at->second.bytes) return false;
  latest_begin = at->first;
  latest_end = at->first + at->second.bytes;
  return true;
}

std::string describe(const void* address) {
  const uintptr_t place = reinterpret_cast<uintptr_t>(address);
  if (place < kPage) return "at a null pointer";
  if (!in_arena(address)) return "in host memory";
  const auto at = before(place);
  if (at == allocations.end()) return "before all allocations";
  const size_t offset = place - at->first, bytes = at->second.bytes;
  const std::string allocation =
      (at->second.freed ? "a freed allocation of " : "an allocation of ") + std::to_string(bytes) + " bytes";
  if (offset < bytes) return "at byte " + std::to_string(offset) + " of " + allocation;
  const auto next = std::next(at);
  if (next != allocations.end() && next->first - place < offset - bytes) {
    return std::to_string(next->first - place) + " bytes before an allocation of " +
           std::to_string(next->second.bytes) + " bytes";
  }
  return std::to_string(offset - bytes) + " bytes behind " + allocation;
}

}  // namespace simt
