// y = values, rounded to elements; values = x
// values [rows,columns] f32 contiguous   x, y [rows,columns] elements with a pitch   any rows, columns >= 0
// grid packs / 256   block 256   one thread per 16 bytes of elements        CPU twin: none, its elements are f32
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"

namespace espalier {
namespace gpu {
namespace {

template <typename E, bool to_f32>
__global__ void __launch_bounds__(256)
    convert_kernel(const void* from, int64_t from_pitch, int64_t rows, int columns, void* to, int64_t to_pitch) {
  using From = typename std::conditional<to_f32, E, float>::type;
  using To = typename std::conditional<to_f32, float, E>::type;
  constexpr int N = kPack<E>;
  const int packs = (columns + N - 1) / N;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t row = index / packs;
  if (row >= rows) return;
  const int c = static_cast<int>(index - row * packs) * N;
  const From* source = static_cast<const From*>(from) + row * from_pitch + c;
  To* target = static_cast<To*>(to) + row * to_pitch + c;
  float v[N];
  load_pack(source, columns - c, is_aligned(source), v);
  store_pack(target, columns - c, is_aligned(target), v);
}

template <bool to_f32>
cudaError_t convert(int32_t dtype, const void* from, int64_t from_pitch, int64_t rows, int64_t columns, void* to,
                    int64_t to_pitch, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const int64_t packs = (columns + kPack<E> - 1) / kPack<E>;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows * packs + 255) / 256));
    shape.block = dim3(256);
    shape.stream = stream;
    return launch(convert_kernel<E, to_f32>, shape, from, from_pitch, rows, static_cast<int>(columns), to, to_pitch);
  });
}

}  // namespace

cudaError_t convert_from_f32(int32_t dtype, const float* values, int64_t rows, int64_t columns, void* y,
                             int64_t y_pitch, cudaStream_t stream) {
  return convert<false>(dtype, values, columns, rows, columns, y, y_pitch, stream);
}

cudaError_t convert_to_f32(int32_t dtype, const void* x, int64_t x_pitch, int64_t rows, int64_t columns, float* values,
                           cudaStream_t stream) {
  return convert<true>(dtype, x, x_pitch, rows, columns, values, columns, stream);
}

}  // namespace gpu
}  // namespace espalier
