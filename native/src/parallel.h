// What a kernel needs to run in parallel. Free of the standard library: the kernels are compiled with instructions
// that not every machine has, and an inline function compiled there could be the one that the linker keeps for all.
#ifndef ESPALIER_PARALLEL_H
#define ESPALIER_PARALLEL_H

#include <stdint.h>

namespace espalier {

// One call of the C ABI while it holds its share of the thread pool.
class Call;

// Threads of the pool, callers included. Tasks may be cut by it; results must not depend on it.
int32_t pool_threads(const Call& call);

// A buffer that belongs to this call until it returns, aligned to 64 bytes, not cleared. One per call: a second request
// invalidates the first. Throws Error(ESP_OUT_OF_MEMORY).
char* shared_scratch(Call& call, int64_t bytes);

using TaskFunction = void (*)(const void* context, int64_t task, char* scratch);

// Runs tasks 0..tasks-1, each once, in any order, on this thread and whoever has time. `scratch` is `scratch_bytes` of
// the running thread's own memory, aligned to 64 bytes, and keeps nothing from one task to the next. Everything that
// the tasks wrote is visible when it returns. Throws Error(ESP_OUT_OF_MEMORY) before any task has run.
void run_tasks(Call& call, int64_t tasks, int64_t scratch_bytes, TaskFunction function, const void* context);

// run_tasks with a lambda (task, scratch).
template <typename Function>
void parallel_for(Call& call, int64_t tasks, int64_t scratch_bytes, const Function& function) {
  run_tasks(
      call, tasks, scratch_bytes,
      [](const void* context, int64_t task, char* scratch) { (*static_cast<const Function*>(context))(task, scratch); },
      &function);
}

}  // namespace espalier
#endif
