#include "measure_peak.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace espalier {
namespace {

// The best stretch of about a millisecond counts: what else runs on the machine can only slow it down.
double best_rate(double (*chains)(int64_t), int32_t milliseconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kIterations = 200000;
  double best = 0.0;
  const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  do {
    const auto start = Clock::now();
    const double operations = chains(kIterations);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    if (seconds.count() > 0.0) best = std::max(best, operations / seconds.count() * 1e-9);
  } while (Clock::now() < end);
  return best;
}

}  // namespace

double measure_peak(double (*chains)(int64_t), int32_t threads, int32_t milliseconds) {
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<std::thread> others;
  for (int32_t i = 1; i < threads; ++i) {
    others.emplace_back([&, i] { rates[static_cast<size_t>(i)] = best_rate(chains, milliseconds); });
  }
  rates[0] = best_rate(chains, milliseconds);
  double sum = rates[0];
  for (size_t i = 0; i < others.size(); ++i) {
    others[i].join();
    sum += rates[i + 1];
  }
  return sum;
}

}  // namespace espalier
