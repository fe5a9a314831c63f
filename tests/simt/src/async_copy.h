// cp.async: the copies of a thread, in the groups that it closed.
#ifndef SIMT_ASYNC_COPY_H
#define SIMT_ASYNC_COPY_H

#include <deque>
#include <vector>

#include "emulator_internal.h"

namespace simt {

struct Copy {
  void* to;
  const void* from;
  int size, bytes;
  bool done;
  Where where;
};

struct CopyGroups {
  std::vector<Copy> open;
  std::deque<std::vector<Copy>> closed;
  void clear() {
    open.clear();
    closed.clear();
  }
};

// The running thread ends: its copies need nobody's wait any more.
void leave_copies();

// Whether asynchronous work is to be done at once, by the options.
bool early();

}  // namespace simt
#endif
