#include "memory.h"

#include <cstdlib>
#include <cstring>

#include "errors.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace espalier {
namespace {

// Every block starts with this header, one cache line before the caller's first byte.
struct alignas(64) Header {
  void* block;     // what the system returned
  int64_t length;  // bytes of the mapping, 0 if the block came from malloc
};
constexpr int64_t kHuge = int64_t{2} << 20;
constexpr int64_t kLargest = int64_t{1} << 46;

void* with_header(void* block, char* header, int64_t length) {
  Header* h = reinterpret_cast<Header*>(header);
  h->block = block;
  h->length = length;
  return h + 1;
}

#if defined(__linux__)
// Reserves one huge page more than needed, gives back what lies outside the aligned part.
void* map_huge(int64_t bytes) {
  const int64_t length = (bytes + kHuge - 1) / kHuge * kHuge;
  void* raw =
      mmap(nullptr, static_cast<size_t>(length + kHuge), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (begin + kHuge - 1) / kHuge * kHuge;
  const size_t head = aligned - begin;
  const size_t tail = static_cast<size_t>(kHuge) - head;
  if (head != 0) munmap(raw, head);
  char* memory = reinterpret_cast<char*>(aligned);
  if (tail != 0) munmap(memory + length, tail);
  madvise(memory, static_cast<size_t>(length), MADV_HUGEPAGE);
  return with_header(memory, memory, length);
}
#endif

}  // namespace

void* allocate(int64_t bytes) noexcept {
  if (bytes < 0 || bytes > kLargest) return nullptr;
  const int64_t total = bytes + static_cast<int64_t>(sizeof(Header));
#if defined(__linux__)
  if (total >= kHuge) return map_huge(total);
#endif
  void* raw = std::calloc(static_cast<size_t>(total) + 64, 1);
  if (raw == nullptr) return nullptr;
  const uintptr_t aligned = (reinterpret_cast<uintptr_t>(raw) + 63) / 64 * 64;
  return with_header(raw, reinterpret_cast<char*>(aligned), 0);
}

void* allocate_or_throw(int64_t bytes) {
  void* memory = allocate(bytes);
  if (memory == nullptr) throw out_of_memory(bytes);
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  const Header* header = static_cast<Header*>(memory) - 1;
#if defined(__linux__)
  if (header->length != 0) {
    munmap(header->block, static_cast<size_t>(header->length));
    return;
  }
#endif
  std::free(header->block);
}

}  // namespace espalier
