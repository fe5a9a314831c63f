#ifndef ESPALIER_MEASURE_PEAK_H
#define ESPALIER_MEASURE_PEAK_H

#include <cstdint>

namespace espalier {

// Billions of operations a second of `threads` threads that run `chains` at once for about `milliseconds`, added up.
// chains(iterations) returns the operations that it did.
double measure_peak(double (*chains)(int64_t iterations), int32_t threads, int32_t milliseconds);

}  // namespace espalier
#endif
