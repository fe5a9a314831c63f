// Rows that are wanted later, fetched while something else is computed.
#ifndef ESPALIER_CPU_AHEAD_H
#define ESPALIER_CPU_AHEAD_H

#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

// Brings a part of x that will be packed later into the second-level cache, a few lines at a time between two tiles.
class Ahead {
 public:
  Ahead(const float* x, int64_t pitch, int64_t rows, int64_t columns, int64_t calls)
      : row_(x), pitch_(pitch), rows_(rows), columns_(columns), step_(ceil_div(rows * ceil_div(columns, 16), calls)) {}
  void fetch_some() {
    for (int64_t i = 0; i < step_ && rows_ > 0; ++i) {
      __builtin_prefetch(row_ + column_, 0, 2);
      column_ += 16;
      if (column_ < columns_) continue;
      column_ = 0;
      row_ += pitch_;
      --rows_;
    }
  }

 private:
  const float* row_;
  int64_t pitch_, rows_, columns_, step_;
  int64_t column_ = 0;
};

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
