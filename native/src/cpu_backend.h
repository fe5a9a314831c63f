// The CPU backend: one set of kernels and a thread pool.
#ifndef ESPALIER_CPU_BACKEND_H
#define ESPALIER_CPU_BACKEND_H

#include "kernels.h"
#include "table.h"

namespace espalier {

// The kernels of the ESP_ISA_ `isa`; throws Error if this machine or this build has none.
const Kernels& kernels_of(int32_t isa);

// Throws Error unless a pool can have so many threads.
void require_threads(int32_t threads);

// See esp_backend_create; throws Error.
esp_backend* create_cpu_backend(int32_t isa, int32_t threads);

}  // namespace espalier
#endif
