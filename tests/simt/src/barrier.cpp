// __syncthreads and its kin, and named barriers.
#include "block.h"
#include "counters.h"
#include "emulator_internal.h"
#include "simt/ptx.h"

namespace simt {
namespace {

constexpr const char* kSyncthreads = "__syncthreads";
constexpr const char* kBarrier = "barrier_sync";

void complete_block_barrier(Barrier& barrier, BarrierResult result) {
  uint32_t async = 0;
  for (Lane* lane : barrier.waiting) async = std::max(async, lane->clock.async());
  const uint32_t now = block->tick++;
  const int count = static_cast<int>(barrier.waiting.size());
  for (Lane* lane : barrier.waiting) {
    lane->clock.learn_all(now, async);
    lane->time = block->tick;
    lane->result = result == BarrierResult::kAnd  ? (barrier.sum == count ? 1 : 0)
                   : result == BarrierResult::kOr ? (barrier.sum != 0 ? 1 : 0)
                                                  : barrier.sum;
    block->wake(*lane);
  }
  barrier.waiting.clear();
  barrier.sum = 0;
  ++current_counters().barriers;
  flush_accesses();
}

Barrier& come(int id, int threads, Site site) {
  if (id < 1 || id > 15 || threads < 32 || threads % 32 != 0 || threads > block->threads) {
    block->failure = name_of(*self) + " names barrier " + std::to_string(id) + " with " + std::to_string(threads) +
                     " threads at " + name_of(site) + "; expected 1 to 15, and a multiple of 32 up to " +
                     std::to_string(block->threads);
    block->stop();
  }
  Barrier& barrier = block->barriers[id];
  if (barrier.arrived == 0) {
    barrier.expected = threads;
  } else if (barrier.expected != threads) {
    block->failure = name_of(*self) + " comes to barrier " + std::to_string(id) + " with " + std::to_string(threads) +
                     " threads at " + name_of(site) + ", others came with " + std::to_string(barrier.expected);
    block->stop();
  }
  ++barrier.arrived;
  barrier.clock.learn(self->clock);
  barrier.clock.learn(self->number, self->time);
  self->time = ++block->tick;
  return barrier;
}

// Lets the waiting threads of a barrier go if all have come.
bool complete(Barrier& barrier) {
  if (barrier.arrived < barrier.expected) return false;
  for (Lane* lane : barrier.waiting) {
    lane->clock.learn(barrier.clock);
    block->wake(*lane);
  }
  barrier.waiting.clear();
  barrier.arrived = 0;
  barrier.clock.reset(block->threads);
  ++current_counters().barriers;
  return true;
}

}  // namespace

int barrier(BarrierResult result, int predicate, Site site) {
  Barrier& barrier = block->barriers[0];
  if (barrier.waiting.empty()) {
    barrier.site = site;
    barrier.result = result;
  } else if (barrier.site.line != site.line || barrier.result != result) {
    block->failure = name_of(*self) + " is in the __syncthreads at " + name_of(site) + ", while " +
                     name_of(*barrier.waiting[0]) + " is in that at " + name_of(barrier.site) +
                     ": the block's threads went different ways";
    block->stop();
  }
  barrier.waiting.push_back(self);
  barrier.sum += predicate != 0 ? 1 : 0;
  Lane& me = *self;
  me.state = State::kWaiting;
  if (static_cast<int>(barrier.waiting.size()) == block->alive) complete_block_barrier(barrier, result);
  block->suspend(kSyncthreads, site);
  return me.result;
}

void barrier_after_exit() {
  Barrier& barrier = block->barriers[0];
  if (!barrier.waiting.empty() && static_cast<int>(barrier.waiting.size()) == block->alive) {
    complete_block_barrier(barrier, barrier.result);
  }
}

void barrier_sync(int id, int threads, Site site) {
  Barrier& barrier = come(id, threads, site);
  barrier.waiting.push_back(self);
  self->state = State::kWaiting;
  complete(barrier);
  block->suspend(kBarrier, site);
}

void barrier_arrive(int id, int threads, Site site) { complete(come(id, threads, site)); }

}  // namespace simt
