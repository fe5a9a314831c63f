// For how many rows a graph is made that a batch of `rows` rows is the first to need.
#ifndef ESPALIER_GRAPH_ROWS_H
#define ESPALIER_GRAPH_ROWS_H

#include <cstdint>

namespace espalier {

// Steps of 16 rows up to 128, then four between a power of two and the next: so one graph serves 33 to 48 rows, another
// 1,025 to 1,280, beyond 128 less than a fifth of its blocks find no row, and few graphs serve all batches. 0 stays 0.
inline int64_t graph_rows(int64_t rows) {
  int64_t step = 16;
  while (rows > 8 * step && step < (int64_t{1} << 40)) step *= 2;
  return (rows + step - 1) / step * step;
}

}  // namespace espalier
#endif
