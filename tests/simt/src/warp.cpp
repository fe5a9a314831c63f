// Warp collectives: every lane that the mask names comes, the last one computes for all.
#include <cstring>

#include "block.h"
#include "counters.h"
#include "emulator_internal.h"

namespace simt {
namespace {

std::string hex(unsigned mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

// The lanes of this warp that the block has and that have not ended.
unsigned living_lanes() {
  unsigned mask = 0;
  const int first = self->warp() * 32;
  for (int i = 0; i < 32 && first + i < block->threads; ++i) {
    if (block->lanes[static_cast<size_t>(first + i)]->state != State::kDone) mask |= 1u << i;
  }
  return mask;
}

}  // namespace

void meet(const char* kind, unsigned mask, Site site, void* payload,
          void (*perform)(void* const* payloads, unsigned mask)) {
  const unsigned me = 1u << self->lane();
  const unsigned living = living_lanes();
  if ((mask & me) == 0 || (mask & ~living) != 0) {
    block->failure = name_of(*self) + " calls " + kind + " at " + name_of(site) + " with mask " + hex(mask) +
                     ((mask & me) == 0 ? ", which leaves itself out"
                                       : ", which names lanes that have ended: " + hex(mask & ~living));
    block->stop();
  }
  std::vector<Meeting>& meetings = block->meetings[static_cast<size_t>(self->warp())];
  size_t at = 0;
  while (at < meetings.size() && meetings[at].mask != mask) ++at;
  if (at == meetings.size()) {
    meetings.push_back(Meeting{kind, mask, 0, site, {}, {}});
  } else if (meetings[at].kind != kind || meetings[at].site.line != site.line) {
    block->failure = name_of(*self) + " calls " + kind + " at " + name_of(site) +
                     " while other lanes of its warp are in " + meetings[at].kind + " at " +
                     name_of(meetings[at].site) + ": the warp's lanes went different ways";
    block->stop();
  }
  Meeting& meeting = meetings[at];
  meeting.arrived |= me;
  meeting.payloads[self->lane()] = payload;
  meeting.lanes[self->lane()] = self;
  if (meeting.arrived != mask) {
    block->suspend(kind, site);
    return;
  }
  const Meeting complete = meeting;
  meetings.erase(meetings.begin() + static_cast<std::ptrdiff_t>(at));
  perform(complete.payloads, mask);
  ++current_counters().collectives;
  if (mask == living) flush_accesses(self->warp());
  for (Lane* lane : complete.lanes) {
    if (lane != nullptr && lane != self) block->wake(*lane);
  }
}

void meetings_after_exit() {
  const unsigned me = 1u << self->lane();
  for (const Meeting& meeting : block->meetings[static_cast<size_t>(self->warp())]) {
    if ((meeting.mask & me) == 0) continue;
    block->failure = name_of(*self) + " ended while other lanes of its warp wait for it in " + meeting.kind + " at " +
                     name_of(meeting.site) + " with mask " + hex(meeting.mask);
    block->stop();
  }
}

void warp_barrier(unsigned mask, Site site) {
  meet("__syncwarp", mask, site, self, [](void* const* lanes, unsigned given) {
    Lane* members[32];
    int count = 0;
    for (int i = 0; i < 32; ++i) {
      if ((given >> i & 1u) != 0) members[count++] = static_cast<Lane*>(lanes[i]);
    }
    block->unite(members, count);
  });
}

namespace {

struct Exchange {
  Shuffle kind;
  uint64_t value, result;
  int argument, width;
};

void exchange(void* const* payloads, unsigned mask) {
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    Exchange& mine = *static_cast<Exchange*>(payloads[lane]);
    const int first = lane & ~(mine.width - 1), last = first + mine.width - 1;
    int from = lane;
    switch (mine.kind) {
      case Shuffle::kIndex:
        from = first + (mine.argument & (mine.width - 1));
        break;
      case Shuffle::kUp:
        from = lane - mine.argument < first ? lane : lane - mine.argument;
        break;
      case Shuffle::kDown:
        from = lane + mine.argument > last ? lane : lane + mine.argument;
        break;
      case Shuffle::kXor:
        from = (lane ^ mine.argument) > last ? lane : (lane ^ mine.argument);
        break;
    }
    if ((mask >> from & 1u) == 0) {
      block->failure = name_of(*self) + ": a shuffle with mask " + hex(mask) + " reads lane " + std::to_string(from) +
                       ", which the mask leaves out";
      block->stop();
    }
    mine.result = static_cast<Exchange*>(payloads[from])->value;
  }
}

struct Ballot {
  uint64_t value;
  unsigned result;
};

template <typename Body>
void for_lanes(unsigned mask, const Body& body) {
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) != 0) body(lane);
  }
}

}  // namespace

uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int argument, int width, Site site) {
  static constexpr const char* kNames[] = {"__shfl_sync", "__shfl_up_sync", "__shfl_down_sync", "__shfl_xor_sync"};
  Exchange mine{kind, value, 0, argument, width};
  meet(kNames[static_cast<int>(kind)], mask, site, &mine, exchange);
  return mine.result;
}

unsigned vote(Vote kind, unsigned mask, int predicate, Site site) {
  static constexpr const char* kNames[] = {"__ballot_sync", "__any_sync", "__all_sync"};
  Ballot mine{predicate != 0 ? 1u : 0u, 0};
  meet(kNames[static_cast<int>(kind)], mask, site, &mine, [](void* const* payloads, unsigned given) {
    unsigned ballot = 0;
    for_lanes(given, [&](int i) { ballot |= static_cast<unsigned>(static_cast<Ballot*>(payloads[i])->value) << i; });
    for_lanes(given, [&](int i) { static_cast<Ballot*>(payloads[i])->result = ballot; });
  });
  if (kind == Vote::kAny) return mine.result != 0 ? 1 : 0;
  if (kind == Vote::kAll) return mine.result == mask ? 1 : 0;
  return mine.result;
}

unsigned match_any(unsigned mask, uint64_t value, Site site) {
  Ballot mine{value, 0};
  meet("__match_any_sync", mask, site, &mine, [](void* const* payloads, unsigned given) {
    for_lanes(given, [&](int i) {
      Ballot& at = *static_cast<Ballot*>(payloads[i]);
      for_lanes(given, [&](int j) {
        if (static_cast<Ballot*>(payloads[j])->value == at.value) at.result |= 1u << j;
      });
    });
  });
  return mine.result;
}

unsigned reduce(Reduce kind, unsigned mask, unsigned value, Site site) {
  static constexpr const char* kNames[] = {"__reduce_add_sync", "__reduce_min_sync", "__reduce_max_sync",
                                           "__reduce_min_sync", "__reduce_max_sync", "__reduce_and_sync",
                                           "__reduce_or_sync",  "__reduce_xor_sync"};
  struct Operand {
    Reduce kind;
    unsigned value, result;
  } mine{kind, value, 0};
  meet(kNames[static_cast<int>(kind)], mask, site, &mine, [](void* const* payloads, unsigned given) {
    bool first = true;
    unsigned sum = 0;
    for_lanes(given, [&](int i) {
      const Operand& at = *static_cast<Operand*>(payloads[i]);
      const unsigned v = at.value;
      const int signed_sum = static_cast<int>(sum), signed_v = static_cast<int>(v);
      if (first) {
        sum = v;
      } else {
        switch (at.kind) {
          case Reduce::kAdd:
            sum += v;
            break;
          case Reduce::kMinSigned:
            sum = signed_v < signed_sum ? v : sum;
            break;
          case Reduce::kMaxSigned:
            sum = signed_v > signed_sum ? v : sum;
            break;
          case Reduce::kMinUnsigned:
            sum = v < sum ? v : sum;
            break;
          case Reduce::kMaxUnsigned:
            sum = v > sum ? v : sum;
            break;
          case Reduce::kAnd:
            sum &= v;
            break;
          case Reduce::kOr:
            sum |= v;
            break;
          case Reduce::kXor:
            sum ^= v;
            break;
        }
      }
      first = false;
    });
    for_lanes(given, [&](int i) { static_cast<Operand*>(payloads[i])->result = sum; });
  });
  return mine.result;
}

// The hardware may return any subset of the lanes that are here: this returns the least, so that nothing is built on
// it.
unsigned active_mask() { return 1u << self->lane(); }

}  // namespace simt
