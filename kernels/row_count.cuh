// The rows that there are, in a kernel.
#ifndef ESPALIER_ROW_COUNT_CUH
#define ESPALIER_ROW_COUNT_CUH

#include "ops.h"

namespace espalier {
namespace gpu {

// A load that is the same for all threads; the grid was made for rows.most and blocks without a row end at once.
__device__ __forceinline__ int64_t count_of(const RowCount& rows) {
  return rows.count == nullptr ? rows.most : *rows.count;
}

}  // namespace gpu
}  // namespace espalier
#endif
