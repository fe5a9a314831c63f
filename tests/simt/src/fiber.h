// Coroutines with stacks of their own: one for each thread of a block, and the scheduler's.
#ifndef SIMT_FIBER_H
#define SIMT_FIBER_H

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace simt {

class Fiber {
 public:
  // The fiber begins at entry(argument), on the given stack, when it is switched to for the first time. entry never
  // returns.
  void prepare(void* stack, size_t bytes, void (*entry)(void*), void* argument);

  // The first thing that a fiber does.
  static void begun();

  // Leaves the running fiber `from` for `to`, one of which is the scheduler.
  static void change(Fiber& from, Fiber& to);

 private:
  void* stack_ = nullptr;  // null for the scheduler: the stack of whoever called it
  size_t bytes_ = 0;
#if defined(__x86_64__)
  void* pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
};

}  // namespace simt
#endif
