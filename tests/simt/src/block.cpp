#include "block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>

#include "async_copy.h"
#include "counters.h"
#include "emulator_internal.h"
#include "shadow.h"
#include "simt/emulator.h"

namespace simt {

Block* block = nullptr;
Lane* self = nullptr;

namespace {

constexpr size_t kStack = 128 * 1024;
constexpr int kMostThreads = 1024;

// One region for the stacks of all threads, each with a page below it that must not be touched.
char* stacks() {
  static char* const region = [] {
    void* memory = mmap(nullptr, kStack * kMostThreads, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    for (int i = 0; i < kMostThreads; ++i) mprotect(static_cast<char*>(memory) + i * kStack, 4096, PROT_NONE);
    return static_cast<char*>(memory);
  }();
  return region;
}

}  // namespace

bool on_own_stack(const void* address) {
  const char* bottom = stacks() + self->number * kStack;
  return address >= bottom && address < bottom + kStack;
}
bool in_kernel() { return on_any_stack(__builtin_frame_address(0)); }
bool on_any_stack(const void* address) { return address >= stacks() && address < stacks() + kStack * kMostThreads; }

std::string name_of(Site site) {
  const std::string file = site.file;
  const size_t folder =
      file.rfind("/kernels/") != std::string::npos ? file.rfind("/kernels/") + 1 : file.rfind('/') + 1;
  return file.substr(folder) + ":" + std::to_string(site.line);
}

std::string name_of(const Lane& lane) {
  char text[120];
  std::snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u)", block->index.x, block->index.y, block->index.z,
                lane.index.x, lane.index.y, lane.index.z);
  return text;
}

void Block::enter(void* lane) {
  Fiber::begun();
  Lane& me = *static_cast<Lane*>(lane);
  block->grid->call->invoke(block->grid->call->closure.get());
  leave_copies();
  me.state = State::kDone;
  --block->alive;
  barrier_after_exit();
  meetings_after_exit();
  Fiber::change(me.fiber, block->scheduler_);
  std::abort();  // a thread that ended is not run again
}

void Block::run(const Grid& what, uint3 where, uint64_t seed) {
  grid = &what;
  index = where;
  random.seed(seed);
  threads = alive = static_cast<int>(what.block.x * what.block.y * what.block.z);
  tick = 1;
  failure.clear();
  pending.clear();
  mbarriers.clear();
  warpgroups.clear();
  for (Barrier& barrier : barriers) {
    barrier.waiting.clear();
    barrier.arrived = barrier.expected = barrier.sum = 0;
    barrier.clock.reset(threads);
  }
  meetings.assign(static_cast<size_t>((threads + 31) / 32), {});
  while (static_cast<int>(lanes.size()) < threads) {
    lanes.push_back(std::make_unique<Lane>());
  }
  ready_.clear();
  for (int i = 0; i < threads; ++i) {
    Lane& lane = *lanes[static_cast<size_t>(i)];
    lane.number = static_cast<uint16_t>(i);
    lane.state = State::kReady;
    const unsigned u = static_cast<unsigned>(i);
    lane.index = uint3{u % what.block.x, u / what.block.x % what.block.y, u / what.block.x / what.block.y};
    lane.time = 1;
    lane.fenced = 0;
    lane.clock.reset(threads);
    lane.copies.clear();
    lane.fiber.prepare(stacks() + i * kStack, kStack, enter, &lane);
    ready_.push_back(&lane);
  }
  begin_shared(what.shared_bytes);
  block = this;
  loop();
  if (failure.empty()) flush_accesses();
  block = nullptr;
  self = nullptr;
}

void Block::loop() {
  for (;;) {
    while (ready_.empty()) {
      if (alive == 0 || !failure.empty()) return;
      if (pending.empty()) {
        failure = deadlock();
        return;
      }
      work_on_pending();
    }
    // Asynchronous work may come at any time.
    if (!pending.empty() && options().asynchronous == Asynchronous::kRandom && random() % 64 == 0) work_on_pending();
    const size_t next = random() % ready_.size();
    Lane* lane = ready_[next];
    ready_[next] = ready_.back();
    ready_.pop_back();
    self = lane;
    lane->state = State::kReady;
    Fiber::change(scheduler_, lane->fiber);
    self = nullptr;
    if (!failure.empty()) return;
  }
}

void Block::work_on_pending() {
  const size_t next = random() % pending.size();
  const Pending work = std::move(pending[next]);
  pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(next));
  work();
}

void Block::suspend(const char* what, Site site) {
  Lane& me = *self;
  me.state = State::kWaiting;
  me.waits_for = what;
  me.site = site;
  Fiber::change(me.fiber, scheduler_);
}

void Block::wake(Lane& lane) {
  if (lane.state != State::kWaiting) return;
  lane.state = State::kReady;
  ready_.push_back(&lane);
}

void Block::yield() {
  Lane& me = *self;
  ready_.push_back(&me);
  Fiber::change(me.fiber, scheduler_);
}

void Block::stop() {
  self->state = State::kDone;
  Fiber::change(self->fiber, scheduler_);
  std::abort();  // a block that failed is not run on
}

void Block::unite(Lane* const* members, int count) {
  Clock& first = members[0]->clock;
  for (int i = 0; i < count; ++i) {
    if (i != 0) first.learn(members[i]->clock);
    first.learn(members[i]->number, members[i]->time);
  }
  ++tick;
  for (int i = 0; i < count; ++i) {
    if (i != 0) members[i]->clock.learn(first);
    members[i]->time = tick;
  }
}

std::string Block::deadlock() const {
  std::map<std::string, std::vector<int>> where;
  for (int i = 0; i < threads; ++i) {
    const Lane& lane = *lanes[static_cast<size_t>(i)];
    const bool done = lane.state == State::kDone;
    where[done ? "ended" : std::string("wait in ") + lane.waits_for + " at " + name_of(lane.site)].push_back(i);
  }
  std::string text = "the block cannot go on:";
  for (const auto& [what, list] : where) {
    text += text.back() == ':' ? " threads " : "; threads ";
    for (size_t i = 0; i < list.size();) {
      size_t last = i;
      while (last + 1 < list.size() && list[last + 1] == list[last] + 1) ++last;
      text += (i == 0 ? "" : ",") + std::to_string(list[i]) + (last > i ? "-" + std::to_string(list[last]) : "");
      i = last + 1;
    }
    text += " " + what;
  }
  return text;
}

uint3 thread_index() { return self->index; }
uint3 block_index() { return block->index; }
uint3 block_shape() { return uint3{block->grid->block.x, block->grid->block.y, block->grid->block.z}; }
uint3 grid_shape() { return uint3{block->grid->shape.x, block->grid->shape.y, block->grid->shape.z}; }
void trap() {
  block->failure = "__trap was reached by " + name_of(*self);
  block->stop();
}
uint64_t clock_ticks() { return block->tick; }

}  // namespace simt
