#include "shadow.h"

#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "block.h"

namespace simt {
namespace {

constexpr size_t kDynamicRegion = 256 * 1024;
constexpr uint32_t kPending = 0xffffffffu;  // the time of a read that goes on

// Of four bytes that are only accessed together, or of one byte.
struct Cell {
  uint32_t generation;  // the block that the rest is about; of another one, nothing is known
  uint32_t write_time, read_time[2];
  Where written, read[2];
  uint16_t writer, reader[2];  // the latest two readers of different threads, of different warps if there are
  bool initialized : 1, atomic : 1, pending : 1, split : 1;
};

class Region {
 public:
  void place(uintptr_t base, size_t bytes) {
    if (base == base_ && bytes == bytes_) return;
    release(cells_, words());
    release(split_, words());
    base_ = base;
    bytes_ = bytes;
    cells_ = reserve<Cell>(words());
    split_ = reserve<std::array<Cell, 4>>(words());
  }
  bool contains(const void* address) const { return reinterpret_cast<uintptr_t>(address) - base_ < bytes_; }

  template <typename Visit>
  void visit(const void* address, size_t bytes, const Visit& visit_cell) {
    const size_t first = reinterpret_cast<uintptr_t>(address) - base_, end = first + bytes;
    for (size_t word = first / 4; word * 4 < end; ++word) {
      const size_t from = word * 4 < first ? first - word * 4 : 0, to = word * 4 + 4 > end ? end - word * 4 : 4;
      Cell& cell = fresh(cells_[word]);
      if (from == 0 && to == 4 && !cell.split) {
        visit_cell(cell, address_of(word, 0));
        continue;
      }
      if (!cell.split) {
        split_[word].fill(cell);
        cell.split = true;
      }
      for (size_t byte = from; byte < to; ++byte) visit_cell(split_[word][byte], address_of(word, byte));
    }
  }

 private:
  // Zero pages that exist once they are used.
  template <typename T>
  static T* reserve(size_t count) {
    void* memory =
        mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  template <typename T>
  static void release(T* memory, size_t count) {
    if (memory != nullptr) munmap(static_cast<void*>(memory), count * sizeof(T));
  }
  size_t words() const { return bytes_ / 4 + 2; }
  const void* address_of(size_t word, size_t byte) const {
    return reinterpret_cast<const void*>(base_ + word * 4 + byte);
  }
  static Cell& fresh(Cell& cell);

  uintptr_t base_ = 0;
  size_t bytes_ = 0;
  Cell* cells_ = nullptr;
  std::array<Cell, 4>* split_ = nullptr;
};

char* dynamic_base = nullptr;
size_t dynamic_bytes = 0;
uint32_t generation = 0;
Region dynamic_region, static_region;

Cell& Region::fresh(Cell& cell) {
  if (cell.generation != generation) {
    cell = Cell{};
    cell.generation = generation;
    cell.writer = cell.reader[0] = cell.reader[1] = kNobody;
  }
  return cell;
}

Region& region_of(const void* address) { return in_dynamic_shared(address) ? dynamic_region : static_region; }

std::string place_of(const void* address) {
  if (in_dynamic_shared(address))
    return "byte " + std::to_string(dynamic_offset(address)) + " of dynamic shared memory";
  return "static shared memory";
}
std::string party_name(uint16_t party) {
  return party == kTma ? "a TMA copy" : is_asynchronous(party) ? "a wgmma" : "thread " + std::to_string(party);
}

[[noreturn]] void fail_race(const char* doing, const void* address, const char* other, uint16_t party, Where there,
                            Where where) {
  block->failure = name_of(*self) + " (thread " + std::to_string(self->number) + ") " + doing + " " +
                   place_of(address) + " at " + name_of(where) + ", which " + party_name(party) + " " + other + " at " +
                   name_of(there) + ", with no barrier between";
  block->stop();
}
[[noreturn]] void fail_pending(const char* doing, const void* address, const Cell& cell, Where where) {
  block->failure = name_of(*self) + " " + doing + " " + place_of(address) + " at " + name_of(where) +
                   " while the asynchronous copy of " + party_name(cell.writer) + " issued at " +
                   name_of(cell.written) + " may still be writing it: nothing waited for it";
  block->stop();
}

bool ordered(uint16_t party, uint32_t time) {
  return party == kNobody || party == self->number || self->clock.knows(party, time);
}

void check_read(const Cell& cell, const void* address, Where where) {
  if (cell.pending) fail_pending("reads", address, cell, where);
  if (!cell.initialized) {
    block->failure = name_of(*self) + " reads " + place_of(address) + " at " + name_of(where) +
                     ", which nobody in the block has written";
    block->stop();
  }
  if (!ordered(cell.writer, cell.write_time)) {
    fail_race("reads", address, "wrote", cell.writer, cell.written, where);
  }
}

void note_read(Cell& cell, uint16_t party, uint32_t time, Where where) {
  if (cell.reader[0] != party) {
    if (cell.reader[0] / 32 != party / 32 || cell.reader[1] / 32 == party / 32 || is_asynchronous(party)) {
      cell.reader[1] = cell.reader[0];
      cell.read_time[1] = cell.read_time[0];
      cell.read[1] = cell.read[0];
    }
    cell.reader[0] = party;
  }
  cell.read_time[0] = time;
  cell.read[0] = where;
}

void check_write(const Cell& cell, const void* address, bool atomic, const char* doing, Where where) {
  if (cell.pending) fail_pending(doing, address, cell, where);
  if (!(atomic && cell.atomic) && !ordered(cell.writer, cell.write_time)) {
    fail_race(doing, address, "wrote", cell.writer, cell.written, where);
  }
  for (int i = 0; i < 2; ++i) {
    if (!ordered(cell.reader[i], cell.read_time[i])) {
      fail_race(doing, address, "read", cell.reader[i], cell.read[i], where);
    }
  }
}

void set_written(Cell& cell, uint16_t party, uint32_t time, Where where) {
  cell.writer = party;
  cell.write_time = time;
  cell.written = where;
  cell.reader[0] = cell.reader[1] = kNobody;
  cell.initialized = true;
  cell.pending = cell.atomic = false;
}

}  // namespace

bool in_dynamic_shared(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(dynamic_base) < kDynamicRegion;
}
bool in_static_shared(const void* address) { return static_region.contains(address); }
size_t dynamic_offset(const void* address) {
  return static_cast<size_t>(static_cast<const char*>(address) - dynamic_base);
}

void begin_shared(size_t bytes) {
  if (dynamic_base == nullptr) {
    dynamic_base = static_cast<char*>(std::aligned_alloc(1024, kDynamicRegion));
    if (dynamic_base == nullptr) throw std::bad_alloc();
    dynamic_region.place(reinterpret_cast<uintptr_t>(dynamic_base), kDynamicRegion);
  }
  const Module& module = current_module();
  static_region.place(module.zeros & ~uintptr_t{3}, module.zeros_end - (module.zeros & ~uintptr_t{3}));
  dynamic_bytes = bytes;
  std::memset(dynamic_base, 0xff, bytes);
  ++generation;
}

void touch_shared(const void* address, size_t bytes, Access access, Where where) {
  if (in_dynamic_shared(address) && dynamic_offset(address) + bytes > dynamic_bytes) {
    block->failure = name_of(*self) + (access == Access::kRead ? " reads " : " writes ") + std::to_string(bytes) +
                     " bytes at " + place_of(address) + " at " + name_of(where) + "; the block has " +
                     std::to_string(dynamic_bytes) + " bytes of it";
    block->stop();
  }
  region_of(address).visit(address, bytes, [&](Cell& cell, const void* place) {
    if (access == Access::kRead) {
      check_read(cell, place, where);
      note_read(cell, self->number, self->time, where);
      return;
    }
    const bool atomic = access == Access::kAtomic;
    if (atomic && !cell.initialized) {
      block->failure = name_of(*self) + " updates " + place_of(place) + " at " + name_of(where) +
                       ", which nobody in the block has written";
      block->stop();
    }
    check_write(cell, place, atomic, "writes", where);
    set_written(cell, self->number, self->time, where);
    cell.atomic = atomic;
  });
}

void pend_shared(const void* address, size_t bytes, Where where) {
  if (in_dynamic_shared(address) && dynamic_offset(address) + bytes > dynamic_bytes) {
    touch_shared(address, bytes, Access::kWrite, where);  // says so
  }
  region_of(address).visit(address, bytes, [&](Cell& cell, const void* place) {
    check_write(cell, place, false, "copies to", where);
    set_written(cell, self->number, self->time, where);
    cell.pending = true;
  });
}

void settle_shared(const void* address, size_t bytes, uint16_t party, uint32_t time, Where where) {
  region_of(address).visit(address, bytes, [&](Cell& cell, const void*) { set_written(cell, party, time, where); });
}

void pend_read_shared(const void* address, size_t bytes, uint16_t party, Where where) {
  if (in_dynamic_shared(address) && dynamic_offset(address) + bytes > dynamic_bytes) {
    touch_shared(address, bytes, Access::kRead, where);  // says so
  }
  region_of(address).visit(address, bytes, [&](Cell& cell, const void* place) {
    check_read(cell, place, where);
    if (!is_asynchronous(cell.writer) && block->lanes[cell.writer]->fenced < cell.write_time) {
      block->failure = name_of(*self) + " lets " + party_name(party) + " read " + place_of(place) + " at " +
                       name_of(where) + ", which thread " + std::to_string(cell.writer) + " wrote at " +
                       name_of(cell.written) + " without a fence_async_proxy after it";
      block->stop();
    }
    note_read(cell, party, kPending, where);
  });
}

void settle_read_shared(const void* address, size_t bytes, uint16_t party, uint32_t time) {
  region_of(address).visit(address, bytes, [&](Cell& cell, const void*) {
    for (int i = 0; i < 2; ++i) {
      if (cell.reader[i] == party && cell.read_time[i] == kPending) cell.read_time[i] = time;
    }
  });
}

char* shared_at(uint32_t offset) { return dynamic_base + offset; }

void* dynamic_shared() { return dynamic_base; }
uint32_t shared_address(const void* shared) { return static_cast<uint32_t>(dynamic_offset(shared)); }

}  // namespace simt
