// Which instruction sets this machine and its operating system let us use.
#ifndef ESPALIER_ISA_H
#define ESPALIER_ISA_H

#include <cstdint>

namespace espalier {

// Whether both this build and this machine have the ESP_ISA_ `isa`.
bool isa_available(int32_t isa);

}  // namespace espalier
#endif
