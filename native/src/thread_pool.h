// The threads behind a backend.
//
// At most `threads` threads work at a time, however many callers there are. Whoever works holds one of `threads`
// permits: a caller for the length of its call, a worker while it helps one. A caller that finds no permit waits for
// one; workers give theirs up between two tasks as soon as a caller waits, so calls beyond the pool's width run alone.
//
// A call publishes its tasks in a slot; workers look for slots with unclaimed tasks and claim them one by one. Idle
// workers spin for some tens of microseconds, then sleep; while all permits are taken they are left asleep.
#ifndef ESPALIER_THREAD_POOL_H
#define ESPALIER_THREAD_POOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "parallel.h"

namespace espalier {

// Memory that only grows.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  bool reserve(int64_t bytes) noexcept;  // false if there is not enough memory
  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  int64_t bytes_ = 0;
};

class ThreadPool {
 public:
  explicit ThreadPool(int32_t threads);  // threads - 1 workers; throws Error if they cannot be started
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int32_t threads() const { return threads_; }

 private:
  friend class Call;
  friend void run_tasks(Call&, int64_t, int64_t, TaskFunction, const void*);

  struct Job {
    int64_t tasks;
    int64_t scratch_bytes;
    TaskFunction function;
    const void* context;
  };

  // One per permit. The caller that holds it publishes `job`; `helpers` counts the workers that look at it.
  struct alignas(64) Slot {
    std::atomic<const Job*> job{nullptr};
    std::atomic<int32_t> helpers{0};
    alignas(64) std::atomic<int64_t> next{0};
    std::atomic<bool> taken{false};
    Scratch scratch;  // of the caller's own tasks
    Scratch shared;
  };

  bool permit_free() const { return active_.load(std::memory_order_relaxed) < threads_; }
  bool try_permit();
  void give_permit();
  Slot& enter();
  void leave(Slot& slot);
  void run(Slot& slot, const Job& job);
  void wake();
  bool help_someone(Scratch& scratch);
  bool help(Slot& slot, Scratch& scratch);
  void worker();

  const int32_t threads_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<std::thread> workers_;
  alignas(64) std::atomic<int32_t> active_{0};    // permits given out
  alignas(64) std::atomic<int32_t> waiting_{0};   // callers without a permit
  alignas(64) std::atomic<uint64_t> epoch_{0};    // grows whenever there is something to look for
  alignas(64) std::atomic<int32_t> sleepers_{0};  // workers that sleep
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable permit_;
};

// Holds a permit and a slot for as long as it lives.
class Call {
 public:
  explicit Call(ThreadPool& pool) : pool_(pool), slot_(pool.enter()) {}
  ~Call() { pool_.leave(slot_); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  friend int32_t pool_threads(const Call&);
  friend char* shared_scratch(Call&, int64_t);
  friend void run_tasks(Call&, int64_t, int64_t, TaskFunction, const void*);

  ThreadPool& pool_;
  ThreadPool::Slot& slot_;
};

}  // namespace espalier
#endif
