// The few lines of a test framework that these tests need. A failed check prints where, what and the seed, and the
// test goes on; main returns how many failed, so that ctest sees it.
#ifndef ESPALIER_TESTS_CHECK_H
#define ESPALIER_TESTS_CHECK_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace check {

inline int failures = 0;
inline std::string context;  // what the running case is: shapes, instruction set, seed

inline void fail(const char* file, int line, const std::string& what) {
  ++failures;
  if (failures <= 50) std::fprintf(stderr, "%s:%d: %s   [%s]\n", file, line, what.c_str(), context.c_str());
}

// The seed of this run: the same on every machine, so that a red build can be run again; ESPALIER_SEED sets another,
// ESPALIER_SEED=random a fresh one. Printed at the start.
inline uint64_t seed() {
  static const uint64_t value = [] {
    const char* given = std::getenv("ESPALIER_SEED");
    uint64_t s = 1;
    if (given != nullptr)
      s = std::strcmp(given, "random") == 0 ? std::random_device{}() : std::strtoull(given, nullptr, 10);
    std::printf("ESPALIER_SEED=%llu\n", static_cast<unsigned long long>(s));
    return s;
  }();
  return value;
}

inline int finish() {
  if (failures == 0)
    std::printf("passed\n");
  else
    std::fprintf(stderr, "%d checks failed, seed %llu\n", failures, static_cast<unsigned long long>(seed()));
  return failures == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) check::fail(__FILE__, __LINE__, "expected " #condition); \
  } while (false)

// |actual - expected| <= tolerance; NaN never passes.
#define CHECK_NEAR(actual, expected, tolerance)                                                                        \
  do {                                                                                                                 \
    const double check_a = (actual), check_e = (expected), check_t = (tolerance);                                      \
    if (!(std::fabs(check_a - check_e) <= check_t)) {                                                                  \
      char check_text[200];                                                                                            \
      std::snprintf(check_text, sizeof check_text, "%s is %.9g, expected %.9g within %.3g", #actual, check_a, check_e, \
                    check_t);                                                                                          \
      check::fail(__FILE__, __LINE__, check_text);                                                                     \
    }                                                                                                                  \
  } while (false)

#endif
