// From a tile's number of rows, known when it runs, to the kernel that was compiled for it.
#ifndef ESPALIER_CPU_ROW_COUNTS_H
#define ESPALIER_CPU_ROW_COUNTS_H

#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

template <int R>
struct RowCount {
  static constexpr int value = R;
};

// Calls body(RowCount<rows>{}), 1 <= rows <= kRows.
template <class Body>
ESP_INLINE void with_rows(int64_t rows, const Body& body) {
  switch (rows) {
#define ESP_ROWS(R)                                       \
  case R:                                                 \
    if constexpr (R <= kRows) return body(RowCount<R>{}); \
    break;
    ESP_ROWS(1)
    ESP_ROWS(2)
    ESP_ROWS(3)
    ESP_ROWS(4)
    ESP_ROWS(5)
    ESP_ROWS(6)
    ESP_ROWS(7)
    ESP_ROWS(8)
    ESP_ROWS(9)
    ESP_ROWS(10)
    ESP_ROWS(11)
    ESP_ROWS(12)
    ESP_ROWS(13)
    ESP_ROWS(14)
#undef ESP_ROWS
    default:
      break;
  }
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
