#ifndef ESPALIER_MEASURE_PEAK_H
#define ESPALIER_MEASURE_PEAK_H

#include <cstdint>

#include "kernels.h"

namespace espalier {

// GFLOP/s of `threads` threads that run the kernels' fma_chains at once for about `milliseconds`, added up.
double measure_peak(const Kernels& kernels, int32_t threads, int32_t milliseconds);

}  // namespace espalier
#endif
