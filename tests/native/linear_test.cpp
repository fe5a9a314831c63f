// esp_linear against a double reference, in fp32 and in bf16 products: every row count and odd shapes; and that a row's
// bits depend on nothing but it.
#include "bounds.h"
#include "fixture.h"

namespace {

std::string shape(int32_t isa, int64_t rows, int64_t n, int64_t k) {
  return std::string(esp_isa_name(isa)) + " rows " + std::to_string(rows) + " n " + std::to_string(n) + " k " +
         std::to_string(k) + " seed " + std::to_string(check::seed());
}

void expect_product(const Matrix& x, const Linear& layer, int32_t dtype, const Matrix& y) {
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t n = 0; n < layer.w.rows; ++n) {
      double sum = layer.bias[static_cast<size_t>(n)];
      double magnitude = std::fabs(sum);
      double operands = 0.0;
      for (int64_t k = 0; k < x.columns; ++k) {
        const double left = operand(x.at(t, k), dtype);
        const double right = operand(layer.w.at(n, k), dtype);
        sum += left * right;
        magnitude += std::fabs(left * right);
        operands += std::fabs(left) + std::fabs(right);
      }
      CHECK_NEAR(y.at(t, n), sum,
                 dtype == ESP_F32 ? bounds::linear(x.columns, magnitude)
                                  : bounds::linear_bf16(x.columns, magnitude, operands));
    }
  }
}

void run(esp_backend* backend, const Matrix& x, const Linear& layer, Matrix& y) {
  CHECK_OK(esp_linear(backend, x.data.data(), x.pitch, x.rows, layer.packed.get(), y.data.data(), y.pitch));
  CHECK(y.guards_untouched());
}

void one_shape(int32_t isa, int32_t dtype, int64_t rows, int64_t n, int64_t k, float scale = 1.0f) {
  check::context = shape(isa, rows, n, k) + " dtype " + std::to_string(dtype);
  const Backend alone = make_backend(isa, 1);
  const Linear layer(alone.get(), n, k, dtype);
  const Matrix x = Matrix(rows, k, random_int(0, 5)).randomize(scale);
  Matrix y(rows, n, random_int(0, 5));
  run(alone.get(), x, layer, y);
  expect_product(x, layer, dtype, y);
  for (int32_t threads = 2; threads <= 4; ++threads) {
    const Backend several = make_backend(isa, threads);
    const Linear same(several.get(), layer, dtype);
    Matrix z(rows, n, 3);
    run(several.get(), x, same, z);
    CHECK(same_bits(y, z));
  }
  // Any stretch of rows gives what it gave in the whole.
  for (int i = 0; i < 3 && rows > 0; ++i) {
    const int64_t first = random_int(0, rows - 1);
    Matrix part(random_int(1, rows - first), n, 1);
    CHECK_OK(
        esp_linear(alone.get(), x.row(first), x.pitch, part.rows, layer.packed.get(), part.data.data(), part.pitch));
    CHECK(part.guards_untouched());
    for (int64_t r = 0; r < part.rows; ++r) CHECK(same_bits(part.row(r), y.row(first + r), n));
  }
  // So does any stretch of columns.
  if (rows > 0) {
    const int64_t first = random_int(0, n - 1);
    const int64_t count = random_int(1, n - first);
    Matrix some(rows, n, 2);
    CHECK_OK(esp_linear_columns(alone.get(), x.data.data(), x.pitch, rows, layer.packed.get(),
                                static_cast<int32_t>(first), static_cast<int32_t>(count), some.data.data(),
                                some.pitch));
    for (int64_t r = 0; r < rows; ++r) CHECK(same_bits(some.row(r) + first, y.row(r) + first, count));
  }
}

// Only where the instruction set has them; a weight with blocks of zeros is kept whole.
void bf16_products(int32_t isa) {
  check::context = shape(isa, 7, 48, 40);
  const Backend backend = make_backend(isa, 1);
  esp_weight* made = nullptr;
  const uint8_t kept[] = {1, 0, 1, 1};
  if (isa < ESP_ISA_AVX512_BF16) {
    CHECK(esp_weight_create(backend.get(), 48, 40, ESP_BF16_PRODUCTS, &made) == ESP_UNSUPPORTED);
    CHECK(std::string(esp_last_error()).find("no bf16 products") != std::string::npos);
    return;
  }
  CHECK_OK(esp_weight_create_blocks(backend.get(), 48, 40, ESP_BF16_PRODUCTS, 24, kept, &made));
  const std::unique_ptr<esp_weight, WeightDeleter> blocks(made);
  Linear dense(backend.get(), 48, 40);
  for (int64_t r = 0; r < 24; ++r) std::fill(dense.w.row(r) + 24, dense.w.row(r) + 40, 0.0f);
  dense.pack(backend.get(), ESP_BF16_PRODUCTS);
  CHECK_OK(esp_weight_set_rows(made, 0, 48, dense.w.row(0)));
  CHECK_OK(esp_weight_set_bias(made, 0, 48, dense.bias.data()));
  const Matrix x = Matrix(7, 40).randomize();
  Matrix expected(7, 48);
  Matrix y(7, 48);
  run(backend.get(), x, dense, expected);
  CHECK_OK(esp_linear(backend.get(), x.data.data(), x.pitch, 7, made, y.data.data(), y.pitch));
  CHECK(same_bits(expected, y));
  // Two bytes a number, 48 rows and 40 columns filled up to 64 each; a bias of 4 bytes a row.
  CHECK(esp_weight_bytes(made) == 64 * (64 * 2 + 4));
}

// 16 bits a weight: the bits that an fp32 layer gives whose weights were rounded before, and half the memory.
void halves(int32_t isa, int32_t dtype, int64_t rows, int64_t n, int64_t k, int32_t threads) {
  check::context = shape(isa, rows, n, k) + " dtype " + std::to_string(dtype);
  const Backend backend = make_backend(isa, threads);
  Linear plain(backend.get(), n, k);
  if (random_int(0, 2) == 0) {
    // Down to subnormals.
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t c = 0; c < k; ++c) plain.w.row(r)[c] *= dtype == ESP_F16 ? 0x1p-16f : 0x1p-128f;
    }
  }
  const Linear half(backend.get(), plain, dtype);
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < k; ++c) {
      float& w = plain.w.row(r)[c];
      w = dtype == ESP_F16 ? rounded(w, 10, -14) : rounded(w, 7, -126);
    }
  }
  plain.pack(backend.get());
  const Matrix x = Matrix(rows, k, random_int(0, 5)).randomize();
  Matrix expected(rows, n);
  Matrix y(rows, n, random_int(0, 5));
  run(backend.get(), x, plain, expected);
  run(backend.get(), x, half, y);
  CHECK(same_bits(expected, y));
  const int64_t whole = esp_weight_bytes(plain.packed.get());
  CHECK(esp_weight_bytes(half.packed.get()) == whole - whole / (k + 1) * k / 2);

  const Linear back(backend.get(), k, n);
  const Linear out(backend.get(), back, dtype);
  Matrix whole_f(rows, k);
  Matrix h(rows, n);
  Matrix z(rows, k, random_int(0, 5));
  CHECK_OK(esp_activation(backend.get(), ESP_GELU, y.data.data(), y.pitch, rows, n, h.data.data(), h.pitch));
  run(backend.get(), h, out, whole_f);
  CHECK_OK(esp_feed_forward(backend.get(), x.data.data(), x.pitch, rows, half.packed.get(), ESP_GELU, out.packed.get(),
                            z.data.data(), z.pitch));
  CHECK(same_bits(whole_f, z));
  CHECK(z.guards_untouched());
}

void not_finite(int32_t isa, int32_t dtype) {
  check::context = shape(isa, 20, 40, 50) + " dtype " + std::to_string(dtype);
  const Backend backend = make_backend(isa, 2);
  const Linear layer(backend.get(), 40, 50, dtype);
  Matrix x = Matrix(20, 50).randomize();
  x.row(7)[3] = std::nanf("");
  x.row(11)[0] = INFINITY;
  Matrix y(20, 40);
  run(backend.get(), x, layer, y);
  for (int64_t t = 0; t < 20; ++t) {
    for (int64_t n = 0; n < 40; ++n) {
      if (t == 7)
        CHECK(std::isnan(y.at(t, n)));
      else if (t == 11)
        CHECK(std::isinf(y.at(t, n)));
      else
        CHECK(std::isfinite(y.at(t, n)));
    }
  }
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    for (const int32_t dtype : product_types(isa)) {
      for (int64_t rows = 0; rows <= 70; ++rows) one_shape(isa, dtype, rows, random_int(1, 100), random_int(1, 100));
      for (int i = 0; i < 12; ++i) one_shape(isa, dtype, random_int(1, 200), random_int(1, 130), random_int(1, 130));
      one_shape(isa, dtype, 300, 65, 33);
      one_shape(isa, dtype, 130, 97, 1100);
      one_shape(isa, dtype, 9, 385, 1536);
      one_shape(isa, dtype, 1, 1, 1);
      one_shape(isa, dtype, 33, 50, 70, 0x1p-127f);
      not_finite(isa, dtype);
    }
    bf16_products(isa);
    for (const int32_t dtype : {ESP_F16, ESP_BF16}) {
      for (int64_t rows = 1; rows <= 30; ++rows) {
        halves(isa, dtype, rows, random_int(1, 100), random_int(1, 100), rows % 3 == 0 ? 2 : 1);
      }
      halves(isa, dtype, 130, 97, 1100, 2);
    }
  });
  return check::finish();
}
