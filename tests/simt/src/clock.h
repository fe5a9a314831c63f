// Who knows of whose accesses: vector clocks (Mattern 1989), as race detectors keep them (Flanagan and Freund,
// FastTrack, PLDI 2009), with a shortcut for barriers of the whole block.
#ifndef SIMT_CLOCK_H
#define SIMT_CLOCK_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace simt {

// Threads are numbered from 0 in their block. What works beside them is a party of its own: a barrier alone does not
// order it, waiting for its mbarrier or group does.
constexpr uint16_t kTma = 0xfff0;
constexpr uint16_t kWgmma = 0xfff1;  // and those that follow: of each warpgroup
constexpr uint16_t kNobody = 0xffff;
constexpr bool is_asynchronous(uint16_t party) { return party >= kTma && party != kNobody; }

class Clock {
 public:
  void reset(int threads) {
    if (static_cast<int>(seen_.size()) != threads || low_ < high_) seen_.assign(static_cast<size_t>(threads), 0);
    low_ = threads;
    high_ = 0;
    floor_ = async_ = 0;
  }

  // Whether what `party` did at `time` came before whatever the owner of this clock does now.
  bool knows(uint16_t party, uint32_t time) const {
    if (is_asynchronous(party)) return time <= async_;
    return time <= floor_ || time <= seen_[party];
  }

  // Everything that the owner of `other` knows is known from now on.
  void learn(const Clock& other) {
    floor_ = std::max(floor_, other.floor_);
    async_ = std::max(async_, other.async_);
    for (int i = other.low_; i < other.high_; ++i) {
      seen_[static_cast<size_t>(i)] = std::max(seen_[static_cast<size_t>(i)], other.seen_[static_cast<size_t>(i)]);
    }
    low_ = std::min(low_, other.low_);
    high_ = std::max(high_, other.high_);
  }
  void learn(uint16_t party, uint32_t time) {
    if (is_asynchronous(party)) {
      async_ = std::max(async_, time);
      return;
    }
    seen_[party] = std::max(seen_[party], time);
    low_ = std::min<int>(low_, party);
    high_ = std::max<int>(high_, party + 1);
  }
  // Everything that any thread did until `time` is known: the barrier of the whole block.
  void learn_all(uint32_t time, uint32_t async) {
    floor_ = time;
    async_ = async;
    std::fill(seen_.begin() + std::min(low_, high_), seen_.begin() + high_, 0);
    low_ = static_cast<int>(seen_.size());
    high_ = 0;
  }
  uint32_t async() const { return async_; }

 private:
  uint32_t floor_ = 0, async_ = 0;
  std::vector<uint32_t> seen_;  // beyond floor_; zeros outside low_ .. high_ - 1
  int low_ = 0, high_ = 0;
};

}  // namespace simt
#endif
