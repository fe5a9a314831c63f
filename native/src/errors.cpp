#include "errors.h"

namespace espalier {

Error out_of_memory(int64_t bytes) {
  return Error(ESP_OUT_OF_MEMORY, "out of native memory: " + std::to_string(bytes) + " bytes could not be allocated");
}

}  // namespace espalier
