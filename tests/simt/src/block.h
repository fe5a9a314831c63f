// A block while it runs: its threads, what they wait for, and the scheduler. One block runs at a time in a process,
// under the device's lock.
#ifndef SIMT_BLOCK_H
#define SIMT_BLOCK_H

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "async_copy.h"
#include "clock.h"
#include "cuda_runtime.h"
#include "fiber.h"

namespace simt {

struct Warpgroup;

// What one launch asks for.
struct Grid {
  const void* kernel;
  dim3 shape, block;
  size_t shared_bytes;
  const Call* call;
};

enum class State : uint8_t { kReady, kWaiting, kDone };

struct Lane {
  Fiber fiber;
  uint16_t number = 0;  // in the block
  State state = State::kReady;
  uint3 index{};
  uint32_t time = 1;  // of its accesses; moves on whenever others learn of them
  Clock clock;
  const char* waits_for = "";
  Site site{"", 0};
  int result = 0;       // of the barrier
  uint32_t fenced = 0;  // what was written until then has passed a fence_async_proxy
  CopyGroups copies;

  int warp() const { return number / 32; }
  int lane() const { return number % 32; }
};

// Threads that have come to a barrier and what they knew.
struct Barrier {
  std::vector<Lane*> waiting;
  int arrived = 0, expected = 0;
  Clock clock;
  Site site{"", 0};
  BarrierResult result = BarrierResult::kNone;
  int sum = 0;  // of the predicates
};

// A warp collective that is coming together.
struct Meeting {
  const char* kind;
  unsigned mask, arrived;
  Site site;
  void* payloads[32];
  Lane* lanes[32];
};

// An mbarrier in shared memory, by its address.
struct Mbarrier {
  int arrivals = 0, pending = 0;
  int64_t bytes = 0;  // announced and not yet there
  uint32_t phase = 0;
  Clock gathering, complete;  // what the threads of this phase know; those of the latest complete one
  std::vector<Lane*> waiting;
  uint16_t initializer = 0;
  uint32_t time = 0;
};

// Asynchronous work of the block that nobody's wait has forced yet (TMA, mbarrier transactions).
using Pending = std::function<void()>;

class Block {
 public:
  void run(const Grid& grid, uint3 index, uint64_t seed);

  const Grid* grid = nullptr;
  uint3 index{};
  std::vector<std::unique_ptr<Lane>> lanes;
  int threads = 0, alive = 0;
  uint32_t tick = 1;
  Barrier barriers[16];
  std::vector<std::vector<Meeting>> meetings;  // by warp
  std::map<const void*, Mbarrier> mbarriers;
  std::vector<Pending> pending;
  std::vector<std::shared_ptr<Warpgroup>> warpgroups;
  std::mt19937_64 random;
  std::string failure;

  // The running thread leaves until somebody calls wake.
  void suspend(const char* what, Site site);
  void wake(Lane& lane);
  // The running thread lets others run.
  void yield();
  // Ends the block, after `failure` was set: whatever is on the threads' stacks is let go as it is.
  [[noreturn]] void stop();

  // Brings `count` lanes to a common knowledge.
  void unite(Lane* const* members, int count);

 private:
  static void enter(void* lane);
  void loop();
  void work_on_pending();
  std::string deadlock() const;
  std::vector<Lane*> ready_;
  Fiber scheduler_;
};

// The block and thread that run, null on the host.
extern Block* block;
extern Lane* self;

// "block (0,0,0) thread (33,0,0)".
std::string name_of(const Lane& lane);
std::string name_of(Site site);

// Brings the lanes in `mask` of the running thread's warp together; the last one calls perform with every lane's
// payload, then all go on. `kind` is compared by address.
void meet(const char* kind, unsigned mask, Site site, void* payload,
          void (*perform)(void* const* payloads, unsigned mask));

}  // namespace simt
#endif
