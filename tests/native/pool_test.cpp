// esp_pool against a double reference, and its treatment of NaN and of zero vectors.
#include "bounds.h"
#include "fixture.h"

namespace {

void one_batch(int32_t isa, int32_t pooling, bool normalize, int64_t columns) {
  check::context = std::string(esp_isa_name(isa)) + " pooling " + std::to_string(pooling) + " columns " +
                   std::to_string(columns) + " seed " + std::to_string(check::seed());
  const Backend backend = make_backend(isa, static_cast<int32_t>(random_int(1, 3)));
  std::vector<int32_t> lengths;
  for (int64_t i = random_int(0, 9); i > 0; --i) lengths.push_back(static_cast<int32_t>(random_int(1, 30)));
  const std::vector<int32_t> offsets = offsets_of(lengths);
  const int64_t sequences = static_cast<int64_t>(lengths.size());
  const Matrix x = Matrix(offsets.back(), columns, random_int(0, 3)).randomize();
  Matrix y(sequences, columns, random_int(0, 3));
  CHECK_OK(esp_pool(backend.get(), pooling, normalize, x.data.data(), x.pitch, columns, sequences, offsets.data(),
                    y.data.data(), y.pitch));
  CHECK(y.guards_untouched());
  for (int64_t b = 0; b < sequences; ++b) {
    const int64_t first = offsets[static_cast<size_t>(b)];
    const int64_t rows = lengths[static_cast<size_t>(b)];
    std::vector<double> expected;
    std::vector<double> error;  // of the row before it is normalized
    double square = 0.0;
    for (int64_t c = 0; c < columns; ++c) {
      double v = x.at(first, c);
      for (int64_t t = 1; t < rows && pooling != ESP_POOL_CLS; ++t) {
        v = pooling == ESP_POOL_MEAN ? v + x.at(first + t, c) : std::fmax(v, x.at(first + t, c));
      }
      double magnitude = 0.0;
      for (int64_t t = 0; t < rows; ++t) magnitude += std::fabs(x.at(first + t, c)) / static_cast<double>(rows);
      if (pooling == ESP_POOL_MEAN) v /= static_cast<double>(rows);
      error.push_back(pooling == ESP_POOL_MEAN ? bounds::gamma(rows + 1) * magnitude + bounds::kTiny : 0.0);
      expected.push_back(v);
      square += v * v;
    }
    const double norm = normalize ? std::fmax(std::sqrt(square), 1e-12) : 1.0;
    const std::vector<double> bound = bounds::pooled(expected, error, normalize);
    for (int64_t c = 0; c < columns; ++c) {
      const size_t i = static_cast<size_t>(c);
      CHECK_NEAR(y.at(b, c), expected[i] / norm, bound[i]);
    }
  }
}

void special(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " special values";
  const Backend backend = make_backend(isa, 1);
  const int64_t columns = 21;
  const int32_t offsets[3] = {0, 3, 4};
  for (int64_t where = 0; where < 3; ++where) {
    Matrix x = Matrix(4, columns).randomize();
    x.row(where)[5] = std::nanf("");
    x.row(where)[20] = std::nanf("");
    for (const int32_t pooling : {ESP_POOL_MEAN, ESP_POOL_MAX}) {
      Matrix y(2, columns);
      CHECK_OK(
          esp_pool(backend.get(), pooling, 0, x.data.data(), columns, columns, 2, offsets, y.data.data(), columns));
      for (int64_t c = 0; c < columns; ++c) CHECK(std::isnan(y.at(0, c)) == (c == 5 || c == 20));
    }
  }
  const Matrix zero(4, columns);
  std::vector<float> x(static_cast<size_t>(4 * columns), 0.0f);
  Matrix y(2, columns);
  CHECK_OK(esp_pool(backend.get(), ESP_POOL_MEAN, 1, x.data(), columns, columns, 2, offsets, y.data.data(), columns));
  for (int64_t c = 0; c < columns; ++c) CHECK(y.at(0, c) == 0.0f && y.at(1, c) == 0.0f);
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    for (const int32_t pooling : {ESP_POOL_MEAN, ESP_POOL_CLS, ESP_POOL_MAX}) {
      for (int64_t columns = 1; columns <= 40; ++columns) one_batch(isa, pooling, columns % 2 == 0, columns);
      one_batch(isa, pooling, true, 384);
    }
    special(isa);
  });
  return check::finish();
}
