#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "errors.h"
#include "memory.h"
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpin = std::chrono::microseconds(40);

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Spins until `done` or for about kSpin; returns done().
template <typename Done>
bool spin(const Done& done) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    pause_briefly();
  }
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (Clock::now() < end);
  return done();
}

}  // namespace

Scratch::~Scratch() { release(data_); }

bool Scratch::reserve(int64_t bytes) noexcept {
  if (bytes <= bytes_) return true;
  const int64_t grown = std::max(bytes, bytes_ + bytes_ / 2);
  void* memory = allocate(grown);
  if (memory == nullptr) return false;
  release(data_);
  data_ = static_cast<char*>(memory);
  bytes_ = grown;
  return true;
}

ThreadPool::ThreadPool(int32_t threads) : threads_(threads), slots_(new Slot[static_cast<size_t>(threads)]) {
#if defined(__unix__) || defined(__APPLE__)
  // Workers take no signals: those are the host's (a JVM uses several of them).
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
  std::string failure;
  try {
    workers_.reserve(static_cast<size_t>(threads - 1));
    for (int32_t i = 1; i < threads; ++i) workers_.emplace_back([this] { worker(); });
  } catch (const std::exception& e) {
    failure = e.what();
  }
#if defined(__unix__) || defined(__APPLE__)
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  if (failure.empty()) return;
  const size_t started = workers_.size();
  stop_ = true;
  wake();
  for (std::thread& worker : workers_) worker.join();
  throw Error(ESP_INTERNAL, "only " + std::to_string(started) + " of " + std::to_string(threads - 1) +
                                " worker threads could be started: " + failure);
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  wake();
  for (std::thread& worker : workers_) worker.join();
}

bool ThreadPool::try_permit() {
  int32_t active = active_.load();
  while (active < threads_) {
    if (active_.compare_exchange_weak(active, active + 1)) return true;
  }
  return false;
}

void ThreadPool::give_permit() {
  active_.fetch_sub(1);
  if (waiting_.load() == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  permit_.notify_one();
}

ThreadPool::Slot& ThreadPool::enter() {
  if (!try_permit()) {
    waiting_.fetch_add(1);
    if (!spin([this] { return try_permit(); })) {
      std::unique_lock<std::mutex> lock(mutex_);
      permit_.wait(lock, [this] { return try_permit(); });
    }
    waiting_.fetch_sub(1);
  }
  // There are as many slots as permits, so one is free, now or in a moment.
  for (int32_t i = 0;; i = (i + 1) % threads_) {
    if (!slots_[i].taken.exchange(true)) return slots_[i];
  }
}

void ThreadPool::leave(Slot& slot) {
  slot.taken.store(false);
  give_permit();
}

void ThreadPool::wake() {
  epoch_.fetch_add(1);
  if (sleepers_.load() == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  work_.notify_all();
}

void ThreadPool::run(Slot& slot, const Job& job) {
  slot.next.store(0, std::memory_order_relaxed);
  slot.job.store(&job);
  // While every permit is taken a worker could only take time from those who work. A caller between two of its calls
  // has none for a moment; a permit that is free for two tasks in a row is one that nobody wants.
  bool woken = permit_free();
  if (woken) wake();
  int free = 0;
  char* scratch = slot.scratch.data();
  for (;;) {
    const int64_t task = slot.next.fetch_add(1, std::memory_order_relaxed);
    if (task >= job.tasks) break;
    if (!woken) {
      free = permit_free() ? free + 1 : 0;
      woken = free == 2;
      if (woken) wake();
    }
    job.function(job.context, task, scratch);
  }
  // After this no worker can find the job; those that did still count as helpers.
  slot.job.store(nullptr);
  const auto alone = [&slot] { return slot.helpers.load() == 0; };
  while (!spin(alone)) std::this_thread::yield();
}

bool ThreadPool::help(Slot& slot, Scratch& scratch) {
  bool helped = false;
  slot.helpers.fetch_add(1);
  const Job* job = slot.job.load();
  if (job != nullptr && slot.next.load(std::memory_order_relaxed) < job->tasks && scratch.reserve(job->scratch_bytes)) {
    while (waiting_.load(std::memory_order_relaxed) == 0) {
      const int64_t task = slot.next.fetch_add(1, std::memory_order_relaxed);
      if (task >= job->tasks) break;
      job->function(job->context, task, scratch.data());
      helped = true;
    }
  }
  slot.helpers.fetch_sub(1);
  return helped;
}

bool ThreadPool::help_someone(Scratch& scratch) {
  bool helped = false;
  for (int32_t i = 0; i < threads_; ++i) {
    if (slots_[i].job.load(std::memory_order_relaxed) == nullptr) continue;
    if (waiting_.load() != 0 || !try_permit()) return helped;
    helped |= help(slots_[i], scratch);
    give_permit();
  }
  return helped;
}

void ThreadPool::worker() {
  Scratch scratch;
  uint64_t seen = 0;
  while (!stop_) {
    const uint64_t now = epoch_.load();
    if (now != seen) {
      seen = now;
      while (help_someone(scratch)) {
      }
      continue;
    }
    if (permit_free() && spin([this, seen] { return epoch_.load(std::memory_order_relaxed) != seen || stop_; }))
      continue;
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1);
    work_.wait(lock, [this, seen] { return epoch_.load() != seen || stop_; });
    sleepers_.fetch_sub(1);
  }
}

int32_t pool_threads(const Call& call) { return call.pool_.threads(); }

char* shared_scratch(Call& call, int64_t bytes) {
  if (!call.slot_.shared.reserve(bytes)) throw out_of_memory(bytes);
  return call.slot_.shared.data();
}

void run_tasks(Call& call, int64_t tasks, int64_t scratch_bytes, TaskFunction function, const void* context) {
  if (tasks <= 0) return;
  ThreadPool::Slot& slot = call.slot_;
  if (!slot.scratch.reserve(scratch_bytes)) throw out_of_memory(scratch_bytes);
  if (tasks == 1 || call.pool_.threads() == 1) {
    for (int64_t task = 0; task < tasks; ++task) function(context, task, slot.scratch.data());
    return;
  }
  call.pool_.run(slot, {tasks, scratch_bytes, function, context});
}

}  // namespace espalier
