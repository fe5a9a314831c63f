// scales[t] = largest[t] / 127   codes[t,:] = roundHalfEven(x[t,:] / scales[t]), clamped to +-127
// x [rows,columns] elements with a pitch   codes [rows,columns] s8 with a pitch of a multiple of 16   scales [rows] f32
// largest [rows] the bits of each row's largest |x|, from the product that made x   any rows, columns >= 1
// grid packs / 256   block 256   one thread per 16 bytes of x: no row is read twice
// a row with a value that is not finite is noted as a fault        CPU twin: native/src/cpu/quantize.cpp
#include "launch.cuh"
#include "quantize.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
__global__ void __launch_bounds__(256) quantize_codes_kernel(const E* x, int64_t x_pitch, RowCount rows, int columns,
                                                             const uint32_t* largest, Codes to, Fault fault) {
  constexpr int N = kPack<E>;
  const int packs = (columns + N - 1) / N;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t row = index / packs;
  if (row >= count_of(rows)) return;
  const int c = static_cast<int>(index - row * packs) * N;
  float v[N];
  load_pack(x + row * x_pitch + c, columns - c, true, v);
  const float scale = scale_of(largest[row]);
  store_codes(v, columns - c, scale, true, to.codes + row * to.pitch + c);
  if (c != 0) return;
  to.scales[row] = scale;
  if (scale == INFINITY) note_fault(fault, row);
}

}  // namespace

cudaError_t quantize_codes(int32_t dtype, const void* x, int64_t x_pitch, RowCount rows, int64_t columns,
                           const uint32_t* largest, const Codes& to, Fault fault, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const int64_t packs = (columns + kPack<E> - 1) / kPack<E>;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows.most * packs + 255) / 256));
    shape.block = dim3(256);
    shape.stream = stream;
    return launch(quantize_codes_kernel<E>, shape, static_cast<const E*>(x), x_pitch, rows, static_cast<int>(columns),
                  largest, to, fault);
  });
}

}  // namespace gpu
}  // namespace espalier
