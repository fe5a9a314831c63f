#include "counters.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "block.h"

namespace simt {
namespace {

struct Logged {
  Where where;
  uint32_t occurrence;
  Space space;
  uint8_t lane;
  uint8_t bytes;
  uintptr_t address;
};

std::map<const void*, Counters> all;
Counters* current = nullptr;
std::vector<std::vector<Logged>> logs;  // by warp

constexpr size_t kLongest = 1 << 16;

bool is_next(const Logged& a, const Logged& b) {
  return std::tie(a.where, a.occurrence) < std::tie(b.where, b.occurrence);
}

// The words of `unit` bytes that the accesses touch, each once.
std::vector<uintptr_t> words_of(const std::vector<Logged>& accesses, uintptr_t unit) {
  std::vector<uintptr_t> words;
  for (const Logged& a : accesses) {
    for (uintptr_t w = a.address / unit; w * unit < a.address + a.bytes; ++w) words.push_back(w);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

// Shared memory has 32 banks of 4 bytes and gives one word of each at a time, equal words once. Accesses of 8 (16)
// bytes are served by half (quarter) warps.
void count_shared(const Logged* accesses, size_t count) {
  const int lanes_at_once = accesses[0].bytes <= 4 ? 32 : accesses[0].bytes == 8 ? 16 : 8;
  ++current->shared_requests;
  for (int part = 0; part < 32; part += lanes_at_once) {
    std::vector<Logged> together;
    std::copy_if(accesses, accesses + count, std::back_inserter(together),
                 [&](const Logged& a) { return a.lane >= part && a.lane < part + lanes_at_once; });
    const std::vector<uintptr_t> words = words_of(together, 4);
    int banks[32] = {}, most = 0;
    for (uintptr_t w : words) most = std::max(most, ++banks[w % 32]);
    current->shared_wavefronts += static_cast<uint64_t>(most);
    current->shared_ideal += (words.size() + 31) / 32;
  }
}

void count_request(const Logged* accesses, size_t count) {
  if (accesses[0].space == Space::kShared) {
    count_shared(accesses, count);
    return;
  }
  const std::vector<Logged> all_lanes(accesses, accesses + count);
  ++current->global_requests;
  current->global_sectors += words_of(all_lanes, 32).size();
  current->global_bytes += words_of(all_lanes, 1).size();
}

}  // namespace

Counters& current_counters() { return *current; }

void count_launch(const void* kernel, uint64_t blocks) {
  current = &all[kernel];
  if (current->kernel.empty()) current->kernel = options().count ? kernel_name(kernel) : "kernel";
  ++current->launches;
  current->blocks += blocks;
  logs.clear();
}

void log_access(const void* address, size_t bytes, Space space, Where where) {
  if (!options().count) return;
  const size_t warp = static_cast<size_t>(self->warp());
  if (logs.size() <= warp) logs.resize(warp + 1);
  logs[warp].push_back(Logged{where, 0, space, static_cast<uint8_t>(self->lane()),
                              static_cast<uint8_t>(std::min<size_t>(bytes, 255)),
                              reinterpret_cast<uintptr_t>(address)});
  if (logs[warp].size() > kLongest) flush_accesses(self->warp());
}

void count_matrix_load(const void* const* rows, int matrices) {
  if (!options().count) return;
  for (int m = 0; m < matrices; ++m) {
    Logged accesses[8];
    for (int j = 0; j < 8; ++j) {
      accesses[j] =
          Logged{0, 0, Space::kShared, static_cast<uint8_t>(j), 16, reinterpret_cast<uintptr_t>(rows[8 * m + j])};
    }
    count_shared(accesses, 8);
  }
}

void flush_accesses(int warp) {
  if (logs.size() <= static_cast<size_t>(warp)) return;
  std::vector<Logged>& log = logs[static_cast<size_t>(warp)];
  if (log.empty()) return;
  std::map<std::pair<Where, uint8_t>, uint32_t> occurrences;
  for (Logged& l : log) l.occurrence = occurrences[{l.where, l.lane}]++;
  std::stable_sort(log.begin(), log.end(), is_next);
  for (size_t first = 0, i = 1; i <= log.size(); ++i) {
    if (i < log.size() && !is_next(log[first], log[i])) continue;
    count_request(&log[first], i - first);
    first = i;
  }
  log.clear();
}

void flush_accesses() {
  for (size_t warp = 0; warp < logs.size(); ++warp) flush_accesses(static_cast<int>(warp));
}

std::vector<Counters> counters() {
  std::vector<Counters> list;
  for (const auto& entry : all) list.push_back(entry.second);
  return list;
}

void reset_counters() { all.clear(); }

}  // namespace simt
