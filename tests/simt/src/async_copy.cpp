#include "async_copy.h"

#include <cstring>

#include "block.h"
#include "counters.h"
#include "shadow.h"
#include "simt/emulator.h"
#include "simt/ptx.h"

namespace simt {
namespace {

void transfer(Copy& copy) {
  if (copy.done) return;
  copy.done = true;
  std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
  std::memset(static_cast<char*>(copy.to) + copy.bytes, 0, static_cast<size_t>(copy.size - copy.bytes));
}

}  // namespace

bool early() {
  switch (options().asynchronous) {
    case Asynchronous::kEarly:
      return true;
    case Asynchronous::kLate:
      return false;
    default:
      return (block->random() & 1) != 0;
  }
}

void cp_async(void* shared, const void* global, int size, int bytes, Site site) {
  const Where where = where_of(site);
  if (bytes < 0 || bytes > size) {
    block->failure = name_of(*self) + " asks cp.async for " + std::to_string(bytes) + " of " + std::to_string(size) +
                     " bytes at " + name_of(where);
    block->stop();
  }
  if (reinterpret_cast<uintptr_t>(shared) % static_cast<unsigned>(size) != 0 ||
      reinterpret_cast<uintptr_t>(global) % static_cast<unsigned>(size) != 0) {
    block->failure = name_of(*self) + " gives cp.async of " + std::to_string(size) +
                     " bytes an address that is not a multiple"
                     " of it at " +
                     name_of(where);
    block->stop();
  }
  if (!is_shared(shared)) {
    block->failure = name_of(*self) + " copies to what is not shared memory at " + name_of(where);
    block->stop();
  }
  if (bytes > 0) check_global(global, static_cast<size_t>(bytes), Access::kRead, where);
  log_access(shared, static_cast<size_t>(size), Space::kShared, where);
  pend_shared(shared, static_cast<size_t>(size), where);
  self->copies.open.push_back(Copy{shared, global, size, bytes, false, where});
  if (early()) transfer(self->copies.open.back());
}

void cp_async_commit() {
  self->copies.closed.push_back(std::move(self->copies.open));
  self->copies.open.clear();
}

void cp_async_wait_for(int pending) {
  std::deque<std::vector<Copy>>& groups = self->copies.closed;
  while (static_cast<int>(groups.size()) > pending) {
    for (Copy& copy : groups.front()) {
      transfer(copy);
      settle_shared(copy.to, static_cast<size_t>(copy.size), self->number, self->time, copy.where);
    }
    groups.pop_front();
  }
}

void leave_copies() { self->copies.clear(); }

}  // namespace simt
