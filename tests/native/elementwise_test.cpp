// esp_activation, esp_add_layernorm and esp_embed_layernorm against double references; NaN and infinities.
#include "bounds.h"
#include "fixture.h"

namespace {

double reference(int32_t activation, double x) {
  const double pi = 3.14159265358979323846;
  switch (activation) {
    case ESP_GELU:
      return x * std::erfc(-x / std::sqrt(2.0)) / 2.0;
    case ESP_GELU_NEW:
    case ESP_GELU_PYTORCH_TANH:
      return x / (1.0 + std::exp(-2.0 * std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
    case ESP_GELU_FAST:
      return x / (1.0 + std::exp(-2.0 * 0.7978845608 * x * (1.0 + 0.044715 * x * x)));
    case ESP_QUICK_GELU:
      return x / (1.0 + std::exp(-1.702 * x));
    case ESP_RELU:
      return x > 0.0 ? x : 0.0;
    case ESP_SILU:
      return x / (1.0 + std::exp(-x));
    default:
      return std::tanh(x);
  }
}

void activations(int32_t isa) {
  const Backend backend = make_backend(isa, 2);
  for (int32_t act = ESP_GELU; act <= ESP_TANH; ++act) {
    check::context = std::string(esp_isa_name(isa)) + " activation " + std::to_string(act);
    // Every magnitude, both signs, several times the range where anything happens.
    std::vector<float> x{0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f, 3e38f};
    for (float v = -20.0f; v <= 20.0f; v += 0.00137f) x.push_back(v);
    for (int i = 0; i < 4000; ++i) x.push_back(random_float() * std::exp2(static_cast<float>(random_int(-40, 6))));
    const int64_t count = static_cast<int64_t>(x.size());
    std::vector<float> y(x.size());
    CHECK_OK(esp_activation(backend.get(), act, x.data(), count, 1, count, y.data(), count));
    double worst = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = reference(act, x[i]);
      const double bound = bounds::activation(act, x[i], expected);
      CHECK_NEAR(y[i], expected, bound);
      if (bound > 0.0) worst = std::fmax(worst, std::fabs(y[i] - expected) / bound);
    }
    std::printf("%s activation %d: largest error / bound %.3g\n", esp_isa_name(isa), act, worst);

    const float special[3] = {std::nanf(""), INFINITY, -INFINITY};
    float z[3];
    CHECK_OK(esp_activation(backend.get(), act, special, 3, 1, 3, z, 3));
    CHECK(std::isnan(z[0]));
    CHECK(act == ESP_TANH ? z[1] == 1.0f : z[1] == INFINITY);
    CHECK(act == ESP_TANH ? z[2] == -1.0f : z[2] == 0.0f);

    for (int64_t columns = 0; columns <= 40; ++columns) {
      const Matrix a = Matrix(random_int(0, 9), columns, random_int(0, 3)).randomize(3.0f);
      Matrix b(a.rows, columns, random_int(0, 3));
      Matrix in_place = a;
      CHECK_OK(esp_activation(backend.get(), act, a.data.data(), a.pitch, a.rows, columns, b.data.data(), b.pitch));
      CHECK_OK(esp_activation(backend.get(), act, in_place.data.data(), a.pitch, a.rows, columns, in_place.data.data(),
                              a.pitch));
      CHECK(b.guards_untouched() && in_place.guards_untouched() && same_bits(b, in_place));
      for (int64_t r = 0; r < a.rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          const double expected = reference(act, a.at(r, c));
          CHECK_NEAR(b.at(r, c), expected, bounds::activation(act, a.at(r, c), expected));
        }
      }
    }
  }
}

// A row's sums before the norm, and the absolute values of what went into them.
struct Sums {
  std::vector<double> sum, magnitude;

  void add(double a, double b, double c = 0.0) {
    sum.push_back(a + b + c);
    magnitude.push_back(std::fabs(a) + std::fabs(b) + std::fabs(c));
  }
};

void expect_layernorm(const Sums& row, int additions, const std::vector<float>& gamma, const std::vector<float>& beta,
                      float eps, const float* y) {
  const double n = static_cast<double>(row.sum.size());
  double mean = 0.0;
  double square = 0.0;
  for (double s : row.sum) mean += s / n;
  for (double s : row.sum) square += (s - mean) * (s - mean) / n;
  const double scale = 1.0 / std::sqrt(square + eps);
  std::vector<double> expected;
  for (size_t c = 0; c < row.sum.size(); ++c) expected.push_back((row.sum[c] - mean) * scale * gamma[c] + beta[c]);
  const std::vector<double> bound = bounds::layernorm(row.sum, row.magnitude, additions, gamma, eps, expected);
  for (size_t c = 0; c < row.sum.size(); ++c) CHECK_NEAR(y[c], expected[c], bound[c]);
}

std::vector<float> random_vector(int64_t count) {
  std::vector<float> v(static_cast<size_t>(count));
  for (float& x : v) x = random_float();
  return v;
}

void layernorms(int32_t isa, int64_t rows, int64_t columns) {
  check::context = std::string(esp_isa_name(isa)) + " layernorm rows " + std::to_string(rows) + " columns " +
                   std::to_string(columns) + " seed " + std::to_string(check::seed());
  const Backend backend = make_backend(isa, 1);
  const Backend several = make_backend(isa, 3);
  const std::vector<float> gamma = random_vector(columns);
  const std::vector<float> beta = random_vector(columns);
  const Matrix x = Matrix(rows, columns, random_int(0, 3)).randomize(5.0f);
  const Matrix r = Matrix(rows, columns, random_int(0, 3)).randomize();
  for (const bool residual : {true, false}) {
    Matrix y(rows, columns, 2);
    Matrix over_x = x;
    Matrix over_r = r;
    const float* rp = residual ? r.data.data() : nullptr;
    CHECK_OK(esp_add_layernorm(backend.get(), x.data.data(), x.pitch, rp, r.pitch, rows, columns, gamma.data(),
                               beta.data(), 1e-12f, y.data.data(), y.pitch));
    CHECK(y.guards_untouched());
    for (int64_t t = 0; t < rows; ++t) {
      Sums row;
      for (int64_t c = 0; c < columns; ++c) row.add(x.at(t, c), residual ? r.at(t, c) : 0.0);
      expect_layernorm(row, residual ? 1 : 0, gamma, beta, 1e-12f, y.row(t));
    }
    CHECK_OK(esp_add_layernorm(several.get(), over_x.data.data(), x.pitch, rp, r.pitch, rows, columns, gamma.data(),
                               beta.data(), 1e-12f, over_x.data.data(), x.pitch));
    CHECK(over_x.guards_untouched() && same_bits(y, over_x));
    if (residual) {
      CHECK_OK(esp_add_layernorm(several.get(), x.data.data(), x.pitch, over_r.data.data(), r.pitch, rows, columns,
                                 gamma.data(), beta.data(), 1e-12f, over_r.data.data(), r.pitch));
      CHECK(over_r.guards_untouched() && same_bits(y, over_r));
    }
  }

  const Matrix word = Matrix(50, columns).randomize();
  const Matrix type = Matrix(2, columns).randomize();
  const Matrix position = Matrix(64, columns).randomize();
  std::vector<int32_t> ids, types, positions;
  for (int64_t t = 0; t < rows; ++t) {
    ids.push_back(static_cast<int32_t>(random_int(0, 49)));
    types.push_back(static_cast<int32_t>(random_int(0, 1)));
    positions.push_back(static_cast<int32_t>(random_int(0, 63)));
  }
  Matrix y(rows, columns, 1);
  Matrix z(rows, columns, 1);
  for (const bool first : {true, false}) {
    CHECK_OK(esp_embed_layernorm((first ? backend : several).get(), ids.data(), types.data(), positions.data(), rows,
                                 columns, word.data.data(), ESP_F32, nullptr, 0, type.data.data(), position.data.data(),
                                 gamma.data(), beta.data(), 1e-5f, (first ? y : z).data.data(), y.pitch));
  }
  CHECK(y.guards_untouched() && same_bits(y, z));
  for (int64_t t = 0; t < rows; ++t) {
    Sums row;
    const size_t i = static_cast<size_t>(t);
    for (int64_t c = 0; c < columns; ++c) {
      row.add(word.at(ids[i], c), type.at(types[i], c), position.at(positions[i], c));
    }
    expect_layernorm(row, 2, gamma, beta, 1e-5f, y.row(t));
  }
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    activations(isa);
    for (int64_t columns = 1; columns <= 80; ++columns) layernorms(isa, random_int(0, 6), columns);
    layernorms(isa, 200, 384);
    layernorms(isa, 33, 1024);
  });
  return check::finish();
}
