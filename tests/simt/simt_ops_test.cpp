// The CUDA backend on the emulator, through the C ABI, against the portable CPU kernels: every op, every element type,
// odd shapes. Integers are the same bits; the rest is near (tests/parity holds it to the derived bounds). What is
// computed alone is the same bits as in a batch.
#include <algorithm>
#include <string>

#include "fixture.h"

namespace {

// An op's matrix in the memory of a backend.
class Tensor {
 public:
  Tensor(esp_backend* backend, int64_t rows, int64_t columns)
      : backend_(backend), rows_(rows), columns_(columns), pitch_((columns + 15) / 16 * 16) {
    CHECK_OK(esp_alloc(backend, std::max<int64_t>(1, rows * pitch_) * 4, &memory_));
  }
  Tensor(esp_backend* backend, const Matrix& values) : Tensor(backend, values.rows, values.columns) {
    std::vector<float> contiguous;
    for (int64_t r = 0; r < rows_; ++r) {
      contiguous.insert(contiguous.end(), values.row(r), values.row(r) + columns_);
    }
    CHECK_OK(esp_write_matrix(backend, contiguous.data(), rows_, columns_, memory_, pitch_));
    CHECK_OK(esp_synchronize(backend));
  }
  ~Tensor() { esp_free(backend_, memory_); }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  void* get() const { return memory_; }
  int64_t pitch() const { return pitch_; }
  Matrix values() const {
    Matrix m(rows_, columns_);
    CHECK_OK(esp_read_matrix(backend_, memory_, pitch_, rows_, columns_, m.data.data()));
    return m;
  }

 private:
  esp_backend* backend_;
  int64_t rows_, columns_, pitch_;
  void* memory_ = nullptr;
};

// Values that are no tensor.
template <typename T>
class Array {
 public:
  Array(esp_backend* backend, const std::vector<T>& values) : backend_(backend), count_(values.size()) {
    CHECK_OK(esp_alloc(backend, bytes(), &memory_));
    CHECK_OK(esp_write(backend, memory_, values.data(), bytes()));
    CHECK_OK(esp_synchronize(backend));
  }
  ~Array() { esp_free(backend_, memory_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* get() const { return static_cast<T*>(memory_); }
  std::vector<T> values() const {
    std::vector<T> v(count_);
    CHECK_OK(esp_read(backend_, v.data(), memory_, bytes()));
    return v;
  }

 private:
  int64_t bytes() const { return static_cast<int64_t>(count_ * sizeof(T)); }
  esp_backend* backend_;
  size_t count_;
  void* memory_ = nullptr;
};

struct Backends {
  Backend cpu, gpu;
  int32_t dtype;
  // Unit roundoff of the elements.
  double unit() const { return dtype == ESP_F32 ? 0x1p-24 : dtype == ESP_F16 ? 0x1p-11 : 0x1p-8; }
};

// The emulator, or the library of a real device that ESPALIER_CUDA_LIBRARY names.
const char* library() {
  const char* given = std::getenv("ESPALIER_CUDA_LIBRARY");
  return given != nullptr && *given != '\0' ? given : SIMT_LIBRARY;
}

Backends make_backends(int32_t dtype) {
  esp_backend* gpu = nullptr;
  CHECK_OK(esp_cuda_backend_create(library(), 0, dtype, &gpu));
  return {make_backend(ESP_ISA_PORTABLE, 1), Backend(gpu), dtype};
}

// `values` as the elements hold them, so that both sides see the same.
Matrix rounded(const Backends& b, const Matrix& values) { return Tensor(b.gpu.get(), values).values(); }

// Every element within `roundings` of the largest expected one.
void expect_near(const Backends& b, const Matrix& actual, const Matrix& expected, double roundings) {
  double largest = 1e-30;
  for (int64_t r = 0; r < expected.rows; ++r) {
    for (int64_t c = 0; c < expected.columns; ++c) {
      largest = std::max(largest, std::fabs(static_cast<double>(expected.at(r, c))));
    }
  }
  for (int64_t r = 0; r < expected.rows; ++r) {
    for (int64_t c = 0; c < expected.columns; ++c) {
      CHECK_NEAR(actual.at(r, c), expected.at(r, c), roundings * b.unit() * largest);
    }
  }
}

std::vector<float> random_floats(int64_t count, float scale = 1.0f) {
  std::vector<float> v(static_cast<size_t>(count));
  for (float& x : v) x = random_float(scale);
  return v;
}

void test_norms(const Backends& b) {
  for (const int64_t columns : {1, 5, 64, 77, 384}) {
    check::context = "norms, columns " + std::to_string(columns) + ", dtype " + std::to_string(b.dtype);
    const int64_t rows = random_int(1, 7);
    const Matrix x = rounded(b, Matrix(rows, columns).randomize());
    const Matrix r = rounded(b, Matrix(rows, columns).randomize());
    const std::vector<float> gamma = random_floats(columns), beta = random_floats(columns);
    Matrix expected(rows, columns);
    CHECK_OK(esp_add_layernorm(b.cpu.get(), x.data.data(), columns, r.data.data(), columns, rows, columns, gamma.data(),
                               beta.data(), 1e-5f, expected.data.data(), columns));
    const Tensor dx(b.gpu.get(), x), dr(b.gpu.get(), r), y(b.gpu.get(), rows, columns);
    const Array<float> g(b.gpu.get(), gamma), bt(b.gpu.get(), beta);
    CHECK_OK(esp_add_layernorm(b.gpu.get(), dx.get(), dx.pitch(), dr.get(), dr.pitch(), rows, columns, g.get(),
                               bt.get(), 1e-5f, y.get(), y.pitch()));
    expect_near(b, y.values(), expected, 200);

    const std::vector<float> word = random_floats(11 * columns), type = random_floats(2 * columns),
                             position = random_floats(9 * columns);
    std::vector<int32_t> ids, types, positions;
    for (int64_t t = 0; t < rows; ++t) {
      ids.push_back(static_cast<int32_t>(random_int(0, 10)));
      types.push_back(static_cast<int32_t>(random_int(0, 1)));
      positions.push_back(static_cast<int32_t>(random_int(0, 8)));
    }
    CHECK_OK(esp_embed_layernorm(b.cpu.get(), ids.data(), types.data(), positions.data(), rows, columns, word.data(),
                                 ESP_F32, nullptr, 0, type.data(), position.data(), gamma.data(), beta.data(), 1e-5f,
                                 expected.data.data(), columns));
    const Array<int32_t> di(b.gpu.get(), ids), dt(b.gpu.get(), types), dp(b.gpu.get(), positions);
    const Array<float> w(b.gpu.get(), word), ty(b.gpu.get(), type), po(b.gpu.get(), position);
    CHECK_OK(esp_embed_layernorm(b.gpu.get(), di.get(), dt.get(), dp.get(), rows, columns, w.get(), ESP_F32, nullptr, 0,
                                 ty.get(), po.get(), g.get(), bt.get(), 1e-5f, y.get(), y.pitch()));
    expect_near(b, y.values(), expected, 200);
  }
}

void test_activations(const Backends& b) {
  for (int32_t a = ESP_GELU; a <= ESP_TANH; ++a) {
    check::context = "activation " + std::to_string(a) + ", dtype " + std::to_string(b.dtype);
    const Matrix x = rounded(b, Matrix(3, 37).randomize(3.0f));
    Matrix expected(3, 37);
    CHECK_OK(esp_activation(b.cpu.get(), a, x.data.data(), 37, 3, 37, expected.data.data(), 37));
    const Tensor y(b.gpu.get(), x);
    CHECK_OK(esp_activation(b.gpu.get(), a, y.get(), y.pitch(), 3, 37, y.get(), y.pitch()));
    expect_near(b, y.values(), expected, 8);
  }
}

// Some columns of a product are the bits of the whole.
void test_columns(const Backends& b, const Tensor& x, const esp_weight* w, const Matrix& whole) {
  const int64_t first = random_int(0, whole.columns - 1), count = random_int(1, whole.columns - first);
  const Tensor y(b.gpu.get(), whole.rows, whole.columns);
  CHECK_OK(esp_linear_columns(b.gpu.get(), x.get(), x.pitch(), whole.rows, w, static_cast<int32_t>(first),
                              static_cast<int32_t>(count), y.get(), y.pitch()));
  const Matrix part = y.values();
  for (int64_t r = 0; r < whole.rows; ++r) CHECK(same_bits(part.row(r) + first, whole.row(r) + first, count));
}

void test_products(const Backends& b) {
  const int64_t shapes[][3] = {{1, 1, 1}, {3, 7, 0}, {5, 33, 19}, {70, 66, 130}, {2, 129, 64}, {130, 130, 40}};
  for (const auto& [rows, n, k] : shapes) {
    check::context = "linear " + std::to_string(rows) + "x" + std::to_string(n) + "x" + std::to_string(k) + ", dtype " +
                     std::to_string(b.dtype);
    Linear w(b.cpu.get(), n, k);
    if (k > 0) w.w = rounded(b, w.w);
    w.pack(b.cpu.get());
    const Linear dw(b.gpu.get(), w);
    const Matrix x = rounded(b, Matrix(rows, k).randomize());
    Matrix expected(rows, n);
    CHECK_OK(esp_linear(b.cpu.get(), x.data.data(), k, rows, w.packed.get(), expected.data.data(), n));
    const Tensor dx(b.gpu.get(), x), y(b.gpu.get(), rows, n), alone(b.gpu.get(), 1, n);
    CHECK_OK(esp_linear(b.gpu.get(), dx.get(), dx.pitch(), rows, dw.packed.get(), y.get(), y.pitch()));
    const Matrix actual = y.values();
    expect_near(b, actual, expected, b.dtype == ESP_F32 ? 200 : 4);
    const int64_t row = random_int(0, rows - 1);
    const int64_t bytes = b.dtype == ESP_F32 ? 4 : 2;
    CHECK_OK(esp_linear(b.gpu.get(), static_cast<char*>(dx.get()) + row * dx.pitch() * bytes, dx.pitch(), 1,
                        dw.packed.get(), alone.get(), alone.pitch()));
    CHECK(same_bits(alone.values().row(0), actual.row(row), n));
    test_columns(b, dx, dw.packed.get(), actual);
  }
}

void test_feed_forward(const Backends& b) {
  check::context = "feed_forward, dtype " + std::to_string(b.dtype);
  Linear in(b.cpu.get(), 45, 21), out(b.cpu.get(), 21, 45);
  in.w = rounded(b, in.w);
  out.w = rounded(b, out.w);
  in.pack(b.cpu.get());
  out.pack(b.cpu.get());
  const Linear din(b.gpu.get(), in), dout(b.gpu.get(), out);
  const Matrix x = rounded(b, Matrix(9, 21).randomize());
  Matrix expected(9, 21);
  CHECK_OK(esp_feed_forward(b.cpu.get(), x.data.data(), 21, 9, in.packed.get(), ESP_GELU, out.packed.get(),
                            expected.data.data(), 21));
  const Tensor dx(b.gpu.get(), x), y(b.gpu.get(), 9, 21), f(b.gpu.get(), 9, 45), z(b.gpu.get(), 9, 21);
  CHECK_OK(esp_feed_forward(b.gpu.get(), dx.get(), dx.pitch(), 9, din.packed.get(), ESP_GELU, dout.packed.get(),
                            y.get(), y.pitch()));
  expect_near(b, y.values(), expected, b.dtype == ESP_F32 ? 200 : 16);
  CHECK_OK(esp_linear(b.gpu.get(), dx.get(), dx.pitch(), 9, din.packed.get(), f.get(), f.pitch()));
  CHECK_OK(esp_activation(b.gpu.get(), ESP_GELU, f.get(), f.pitch(), 9, 45, f.get(), f.pitch()));
  CHECK_OK(esp_linear(b.gpu.get(), f.get(), f.pitch(), 9, dout.packed.get(), z.get(), z.pitch()));
  CHECK(same_bits(y.values(), z.values()));
}

struct Int8Linear {
  std::vector<int8_t> codes;
  std::vector<float> scales, bias;
  std::vector<int32_t> zero_points;
  std::unique_ptr<esp_weight, WeightDeleter> cpu, gpu;

  Int8Linear(const Backends& b, int64_t n, int64_t k, bool shifted)
      : codes(static_cast<size_t>(n * k)), scales(static_cast<size_t>(n)), bias(random_floats(n)) {
    for (int8_t& c : codes) c = static_cast<int8_t>(random_int(-128, 127));
    for (float& s : scales) s = 0.01f * (1.0f + static_cast<float>(random_int(0, 100)));
    for (int64_t i = 0; shifted && i < n; ++i) zero_points.push_back(static_cast<int32_t>(random_int(-128, 127)));
    cpu = make(b.cpu.get(), n, k);
    gpu = make(b.gpu.get(), n, k);
  }
  std::unique_ptr<esp_weight, WeightDeleter> make(esp_backend* backend, int64_t n, int64_t k) {
    esp_weight* w = nullptr;
    CHECK_OK(esp_weight_create(backend, static_cast<int32_t>(n), static_cast<int32_t>(k), ESP_I8, &w));
    CHECK_OK(esp_weight_set_codes(w, 0, static_cast<int32_t>(n), codes.data(), scales.data(),
                                  zero_points.empty() ? nullptr : zero_points.data()));
    CHECK_OK(esp_weight_set_bias(w, 0, static_cast<int32_t>(n), bias.data()));
    return std::unique_ptr<esp_weight, WeightDeleter>(w);
  }
};

void test_int8(const Backends& b) {
  const int64_t shapes[][3] = {{1, 1, 1}, {5, 33, 19}, {70, 66, 200}, {2, 130, 64}};
  for (const auto& [rows, n, k] : shapes) {
    const bool shifted = random_int(0, 1) == 0;
    check::context = "int8 " + std::to_string(rows) + "x" + std::to_string(n) + "x" + std::to_string(k) + ", dtype " +
                     std::to_string(b.dtype);
    const int32_t block = 1 << random_int(0, 5);
    const Int8Linear w(b, n, k, shifted);
    CHECK_OK(esp_weight_set_input_block(w.cpu.get(), block));
    CHECK_OK(esp_weight_set_input_block(w.gpu.get(), block));
    const Matrix x = rounded(b, Matrix(rows, k).randomize());
    std::vector<int8_t> codes(static_cast<size_t>(rows * k));
    std::vector<float> scales(static_cast<size_t>(rows));
    std::vector<int32_t> acc(static_cast<size_t>(rows * n));
    CHECK_OK(esp_quantize(b.cpu.get(), x.data.data(), k, rows, k, block, codes.data(), scales.data()));
    CHECK_OK(esp_linear_accumulators(b.cpu.get(), codes.data(), rows, w.cpu.get(), acc.data()));
    const Tensor dx(b.gpu.get(), x), y(b.gpu.get(), rows, n);
    const Array<int8_t> dc(b.gpu.get(), std::vector<int8_t>(codes.size()));
    const Array<float> ds(b.gpu.get(), std::vector<float>(scales.size()));
    const Array<int32_t> da(b.gpu.get(), std::vector<int32_t>(acc.size()));
    CHECK_OK(esp_quantize(b.gpu.get(), dx.get(), dx.pitch(), rows, k, block, dc.get(), ds.get()));
    CHECK(dc.values() == codes);
    CHECK(ds.values() == scales);
    CHECK_OK(esp_linear_accumulators(b.gpu.get(), dc.get(), rows, w.gpu.get(), da.get()));
    CHECK(da.values() == acc);
    Matrix expected(rows, n);
    CHECK_OK(esp_linear(b.cpu.get(), x.data.data(), k, rows, w.cpu.get(), expected.data.data(), n));
    CHECK_OK(esp_linear(b.gpu.get(), dx.get(), dx.pitch(), rows, w.gpu.get(), y.get(), y.pitch()));
    const Matrix actual = y.values();
    CHECK(same_bits(actual, rounded(b, expected)));
    test_columns(b, dx, w.gpu.get(), actual);
  }
  check::context = "int8 of a value that is not finite";
  const Int8Linear w(b, 4, 8, false);
  Matrix x = Matrix(5, 8).randomize();
  x.row(3)[2] = NAN;
  const Tensor dx(b.gpu.get(), x), y(b.gpu.get(), 5, 4);
  CHECK_OK(esp_lane_tag(b.gpu.get(), 7));
  CHECK_OK(esp_linear(b.gpu.get(), dx.get(), dx.pitch(), 5, w.gpu.get(), y.get(), y.pitch()));
  CHECK(esp_synchronize(b.gpu.get()) == ESP_INVALID_ARGUMENT);
  CHECK(std::string(esp_last_error()) == "row 3 of x has a value that is not finite");
  CHECK(esp_fault_tag(b.gpu.get()) == 7);
  CHECK_OK(esp_synchronize(b.gpu.get()));
}

// The same bits as its parts, whether the quantization between the products is a pass of its own or not.
void test_int8_feed_forward(const Backends& b) {
  for (const bool shifted : {false, true}) {
    check::context = "int8 feed_forward, dtype " + std::to_string(b.dtype);
    const int64_t rows = 70;
    const Int8Linear in(b, 45, 21, false), out(b, 21, 45, shifted);
    const Tensor x(b.gpu.get(), Matrix(rows, 21).randomize()), y(b.gpu.get(), rows, 21), f(b.gpu.get(), rows, 45),
        z(b.gpu.get(), rows, 21);
    CHECK_OK(esp_feed_forward(b.gpu.get(), x.get(), x.pitch(), rows, in.gpu.get(), ESP_GELU, out.gpu.get(), y.get(),
                              y.pitch()));
    CHECK_OK(esp_linear(b.gpu.get(), x.get(), x.pitch(), rows, in.gpu.get(), f.get(), f.pitch()));
    CHECK_OK(esp_activation(b.gpu.get(), ESP_GELU, f.get(), f.pitch(), rows, 45, f.get(), f.pitch()));
    CHECK_OK(esp_linear(b.gpu.get(), f.get(), f.pitch(), rows, out.gpu.get(), z.get(), z.pitch()));
    CHECK(same_bits(y.values(), z.values()));
  }
}

// The codes that add_layernorm leaves for the product that follows it are those that the product would make itself.
void test_norm_then_int8(const Backends& b) {
  check::context = "int8 after a norm, dtype " + std::to_string(b.dtype);
  const int64_t rows = 9, columns = 77;
  for (const bool shifted : {false, true}) {
    const Int8Linear w(b, 33, columns, shifted);
    Matrix x = rounded(b, Matrix(rows, columns).randomize());
    const Array<float> gamma(b.gpu.get(), random_floats(columns)), beta(b.gpu.get(), random_floats(columns));
    const Tensor h(b.gpu.get(), rows, columns), y(b.gpu.get(), rows, 33), z(b.gpu.get(), rows, 33);
    for (int round = 0; round < 3;
         ++round) {  // not before a first product does add_layernorm know that codes are wanted
      if (round == 2) x.row(5)[1] = NAN;
      const Tensor dx(b.gpu.get(), x);
      const auto norm = [&] {
        CHECK_OK(esp_add_layernorm(b.gpu.get(), dx.get(), dx.pitch(), dx.get(), dx.pitch(), rows, columns, gamma.get(),
                                   beta.get(), 1e-5f, h.get(), h.pitch()));
      };
      const auto product = [&](const Tensor& to) {
        CHECK_OK(esp_lane_tag(b.gpu.get(), 11));
        CHECK_OK(esp_linear(b.gpu.get(), h.get(), h.pitch(), rows, w.gpu.get(), to.get(), to.pitch()));
      };
      norm();
      product(y);
      const esp_status status = esp_synchronize(b.gpu.get());
      CHECK(status == (round == 2 ? ESP_INVALID_ARGUMENT : ESP_OK));
      if (round == 2) {
        CHECK(std::string(esp_last_error()) == "row 5 of x has a value that is not finite");
        CHECK(esp_fault_tag(b.gpu.get()) == 11);
        norm();  // what nobody multiplies is no fault
        CHECK_OK(esp_synchronize(b.gpu.get()));
        continue;
      }
      norm();
      CHECK_OK(esp_synchronize(b.gpu.get()));  // codes are for the next call only
      product(z);
      CHECK(same_bits(y.values(), z.values()));
      norm();
      CHECK_OK(esp_activation(b.gpu.get(), ESP_RELU, h.get(), h.pitch(), rows, columns, h.get(), h.pitch()));
      product(y);
      norm();
      product(z);
      CHECK(!same_bits(y.values(), z.values()));
    }
  }
}

void test_attention(const Backends& b) {
  const std::vector<std::vector<int32_t>> widths = {{32}, {64, 3, 17}, {1, 100}, {128}, {256}};
  for (const std::vector<int32_t>& list : widths) {
    check::context = "attention, first head " + std::to_string(list[0]) + ", dtype " + std::to_string(b.dtype);
    HeadList cpu, gpu;
    for (const int32_t width : list) {
      const float scale = 1.0f / std::sqrt(static_cast<float>(width));
      const int64_t v_width = random_int(1, width);
      cpu.add(width, v_width, scale);
      gpu.add(width, v_width, scale);
    }
    cpu.pack(b.cpu.get());
    gpu.pack(b.gpu.get());
    const std::vector<int32_t> lengths = {static_cast<int32_t>(random_int(1, 70)), 1,
                                          static_cast<int32_t>(random_int(30, 100)), 33};
    const std::vector<int32_t> offsets = offsets_of(lengths);
    const int64_t tokens = offsets.back();
    const Matrix qkv = rounded(b, Matrix(tokens, cpu.columns()).randomize());
    std::vector<uint8_t> mask(static_cast<size_t>(tokens));
    for (uint8_t& m : mask) m = random_int(0, 3) != 0;
    std::fill(mask.begin() + offsets[3], mask.end(), uint8_t{0});
    const bool masked = list.size() > 1;
    std::vector<float> factors(static_cast<size_t>(4 * cpu.count()));
    for (float& f : factors) f = random_int(0, 3) == 0 ? 0.0f : 0.5f * static_cast<float>(random_int(1, 4));
    const int64_t heads = cpu.count();
    Matrix expected(tokens, cpu.v_total());
    CHECK_OK(esp_attention(b.cpu.get(), qkv.data.data(), qkv.pitch, tokens, 4, offsets.data(),
                           masked ? mask.data() : nullptr, cpu.packed.get(), masked ? factors.data() : nullptr, heads,
                           expected.data.data(), expected.pitch));
    const Tensor dq(b.gpu.get(), qkv), y(b.gpu.get(), tokens, cpu.v_total());
    const Array<int32_t> doff(b.gpu.get(), offsets);
    const Array<uint8_t> dmask(b.gpu.get(), mask);
    const Array<float> dfactors(b.gpu.get(), factors);
    CHECK_OK(esp_attention(b.gpu.get(), dq.get(), dq.pitch(), tokens, 4, doff.get(), masked ? dmask.get() : nullptr,
                           gpu.packed.get(), masked ? dfactors.get() : nullptr, heads, y.get(), y.pitch()));
    const Matrix actual = y.values();
    expect_near(b, actual, expected, b.dtype == ESP_F32 ? 400 : 8);

    // The third sequence alone.
    const int32_t begin = offsets[2];
    const Array<int32_t> own(b.gpu.get(), {0, lengths[2]});
    const Tensor z(b.gpu.get(), lengths[2], cpu.v_total());
    const int64_t bytes = b.dtype == ESP_F32 ? 4 : 2;
    CHECK_OK(esp_attention(b.gpu.get(), static_cast<char*>(dq.get()) + begin * dq.pitch() * bytes, dq.pitch(),
                           lengths[2], 1, own.get(), masked ? dmask.get() + begin : nullptr, gpu.packed.get(),
                           masked ? dfactors.get() + 2 * heads : nullptr, heads, z.get(), z.pitch()));
    const Matrix alone = z.values();
    for (int64_t r = 0; r < alone.rows; ++r) CHECK(same_bits(alone.row(r), actual.row(begin + r), alone.columns));

    const int64_t length = lengths[2];
    std::vector<float> p(static_cast<size_t>(cpu.count() * length * length));
    CHECK_OK(esp_attention_probabilities(b.cpu.get(), qkv.row(begin), qkv.pitch, length, nullptr, cpu.packed.get(),
                                         p.data()));
    const Array<float> dprob(b.gpu.get(), std::vector<float>(p.size()));
    CHECK_OK(esp_attention_probabilities(b.gpu.get(), static_cast<char*>(dq.get()) + begin * dq.pitch() * bytes,
                                         dq.pitch(), length, nullptr, gpu.packed.get(), dprob.get()));
    const std::vector<float> probabilities = dprob.values();
    for (size_t i = 0; i < p.size(); ++i) CHECK_NEAR(probabilities[i], p[i], 1e-5);
  }
}

void test_pool(const Backends& b) {
  const std::vector<int32_t> offsets = offsets_of({3, 1, 40});
  for (int32_t pooling = ESP_POOL_MEAN; pooling <= ESP_POOL_MAX; ++pooling) {
    check::context = "pool " + std::to_string(pooling) + ", dtype " + std::to_string(b.dtype);
    const Matrix x = rounded(b, Matrix(44, 300).randomize());
    Matrix expected(3, 300);
    CHECK_OK(esp_pool(b.cpu.get(), pooling, pooling == 1, x.data.data(), 300, 300, 3, offsets.data(),
                      expected.data.data(), 300));
    const Tensor dx(b.gpu.get(), x), y(b.gpu.get(), 3, 300);
    const Array<int32_t> doff(b.gpu.get(), offsets);
    CHECK_OK(
        esp_pool(b.gpu.get(), pooling, pooling == 1, dx.get(), dx.pitch(), 300, 3, doff.get(), y.get(), y.pitch()));
    expect_near(b, y.values(), expected, 100);
  }
}

}  // namespace

int main() {
  for (const int32_t dtype : {ESP_F32, ESP_F16, ESP_BF16}) {
    const Backends b = make_backends(dtype);
    if (b.gpu == nullptr) return check::finish();
    test_norms(b);
    test_activations(b);
    test_pool(b);
    test_products(b);
    test_feed_forward(b);
    test_int8(b);
    test_int8_feed_forward(b);
    test_norm_then_int8(b);
    test_attention(b);
  }
  return check::finish();
}
