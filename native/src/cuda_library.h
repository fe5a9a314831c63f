// Backends that are libraries of their own, opened when they are first asked for.
#ifndef ESPALIER_CUDA_LIBRARY_H
#define ESPALIER_CUDA_LIBRARY_H

#include "table.h"

namespace espalier {

// The table of the library at `path`; opened once and never closed. Throws Error(ESP_NO_LIBRARY) if it cannot be
// opened, is no backend's library, or belongs to another release.
const CudaTable& open_cuda_library(const char* path);

}  // namespace espalier
#endif
