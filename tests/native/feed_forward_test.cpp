// esp_feed_forward has the bits of esp_linear, esp_activation, esp_linear, in fp32 and in bf16 products, for few rows and
// many, any number of threads.
#include "fixture.h"

namespace {

void one_shape(int32_t isa, int32_t dtype, int32_t threads, int64_t rows, int64_t k, int64_t intermediate, int64_t n,
               int32_t act) {
  check::context = std::string(esp_isa_name(isa)) + " threads " + std::to_string(threads) + " rows " +
                   std::to_string(rows) + " k " + std::to_string(k) + " intermediate " + std::to_string(intermediate) +
                   " n " + std::to_string(n) + " activation " + std::to_string(act) + " dtype " +
                   std::to_string(dtype) + " seed " + std::to_string(check::seed());
  const Backend backend = make_backend(isa, threads);
  const Linear in(backend.get(), intermediate, k, dtype);
  const Linear out(backend.get(), n, intermediate, dtype);
  const Matrix x = Matrix(rows, k, random_int(0, 4)).randomize(2.0f);
  Matrix h(rows, intermediate);
  Matrix expected(rows, n);
  Matrix y(rows, n, random_int(0, 4));
  CHECK_OK(esp_linear(backend.get(), x.data.data(), x.pitch, rows, in.packed.get(), h.data.data(), h.pitch));
  CHECK_OK(esp_activation(backend.get(), act, h.data.data(), h.pitch, rows, intermediate, h.data.data(), h.pitch));
  CHECK_OK(esp_linear(backend.get(), h.data.data(), h.pitch, rows, out.packed.get(), expected.data.data(), n));
  CHECK_OK(esp_feed_forward(backend.get(), x.data.data(), x.pitch, rows, in.packed.get(), act, out.packed.get(),
                            y.data.data(), y.pitch));
  CHECK(same_bits(expected, y));
  CHECK(y.guards_untouched());
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    for (const int32_t dtype : product_types(isa)) {
      for (int32_t act = ESP_GELU; act <= ESP_TANH; ++act) one_shape(isa, dtype, 2, 19, 40, 70, 50, act);
      for (int64_t rows = 0; rows <= 40; ++rows) {
        one_shape(isa, dtype, static_cast<int32_t>(random_int(1, 4)), rows, random_int(1, 90), random_int(1, 140),
                  random_int(1, 90), ESP_GELU);
      }
      for (int32_t threads = 1; threads <= 4; ++threads) {
        one_shape(isa, dtype, threads, random_int(90, 400), random_int(1, 130), random_int(380, 900),
                  random_int(1, 130), ESP_GELU);
      }
      one_shape(isa, dtype, 2, 150, 384, 1536, 384, ESP_GELU);
    }
  });
  return check::finish();
}
