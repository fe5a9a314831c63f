// scales[t] = absmax(r[t,:]) / 127,  codes[t,k] = roundHalfEven(r[t,k] / scales[t]),  r = x, rotated by blocks
// x [rows,columns] f32 row-major with a pitch   codes [rows,columns] int8 contiguous   scales [rows]
// blocks of rows, claimed in order; a row as in rotate.h and quantize.h         twin: kernels/quantize.cu
#include "cpu/quantize.h"

#include "cpu/linear_int8.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

int64_t quantize(Call& call, const float* x, int64_t x_pitch, int64_t rows, int64_t columns, int32_t input_block,
                 int8_t* codes, float* scales) {
  if (rows == 0 || columns == 0) return -1;
  const int64_t block = most(1, 16384 / columns);
  FirstBadRow bad;
  parallel_for(call, ceil_div(rows, block), columns * 4, [&](int64_t task, char* memory) {
    const int64_t end = least(rows, (task + 1) * block);
    for (int64_t t = task * block; t < end; ++t) {
      RowPieces row{x + t * x_pitch, columns, columns, columns};
      if (input_block > 1) {
        float* rotated = reinterpret_cast<float*>(memory);
        rotate_row(row, input_block, rotated);
        row.x = rotated;
      }
      scales[t] = quantize_row(row, columns, codes + t * columns);
      if (scales[t] != scales[t]) bad.note(t);
    }
  });
  return bad.row();
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
