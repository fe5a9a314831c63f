// The table that this library exports.
#ifndef ESPALIER_CUDA_TABLE_H
#define ESPALIER_CUDA_TABLE_H

#include "table.h"

namespace espalier {
namespace gpu {

const CudaTable& cuda_table();

}  // namespace gpu
}  // namespace espalier
#endif
