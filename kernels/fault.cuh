// Notes rows that are not finite.
#ifndef ESPALIER_FAULT_CUH
#define ESPALIER_FAULT_CUH

#include "ops.h"

namespace espalier {
namespace gpu {

__device__ __forceinline__ void note_fault(Fault fault, int64_t row) {
  atomicMin(fault.least, static_cast<unsigned long long>(fault.tag) << 32 | static_cast<unsigned long long>(row));
}

}  // namespace gpu
}  // namespace espalier
#endif
