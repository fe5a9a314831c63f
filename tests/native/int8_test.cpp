// int8: codes, scales and accumulators are those of a scalar reference on every instruction set, bit for bit, on random
// and on worst-case operands; so are whole layers, since a fused multiply-add is exact wherever it runs.
#include <algorithm>
#include <array>
#include <utility>

#include "int8_fixture.h"

namespace {

float bits_to_float(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}
uint32_t float_to_bits(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof bits);
  return bits;
}

int8_t any_code() { return static_cast<int8_t>(random_int(-127, 127)); }
int8_t imported_code() { return static_cast<int8_t>(random_int(-128, 127)); }

std::string shape(int32_t isa, int64_t rows, int64_t n, int64_t k) {
  return std::string(esp_isa_name(isa)) + " rows " + std::to_string(rows) + " n " + std::to_string(n) + " k " +
         std::to_string(k) + " seed " + std::to_string(check::seed());
}

void expect_accumulators(esp_backend* backend, const Int8Linear& layer, const Codes& x) {
  std::vector<int32_t> acc(static_cast<size_t>(x.rows * layer.w.rows + 1), 4711);
  CHECK_OK(esp_linear_accumulators(backend, x.codes.data(), x.rows, layer.packed.get(), acc.data()));
  CHECK(acc.back() == 4711);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t n = 0; n < layer.w.rows; ++n) {
      CHECK(acc[static_cast<size_t>(t * layer.w.rows + n)] == layer.accumulator(x.row(t), n));
    }
  }
}

void one_shape(int32_t isa, int64_t rows, int64_t n, int64_t k) {
  const bool zero_points = random_int(0, 2) == 0;
  check::context = shape(isa, rows, n, k) + (zero_points ? " zero points" : "");
  Int8Linear layer(n, k, random_int(0, 1) == 0 ? any_code : imported_code, zero_points);
  Matrix x = Matrix(rows, k, random_int(0, 5)).randomize(std::exp2(static_cast<float>(random_int(-20, 20))));
  if (rows > 2) std::fill_n(x.row(1), k, 0.0f);
  const Codes codes = reference(x, layer.input_block);
  check::context += " input block " + std::to_string(layer.input_block);
  Matrix y(rows, n, random_int(0, 5));
  for (int32_t threads = 1; threads <= 4; ++threads) {
    const Backend backend = make_backend(isa, threads);
    layer.pack(backend.get());
    if (threads == 1) expect_accumulators(backend.get(), layer, codes);
    Codes got(rows, k);
    CHECK_OK(esp_quantize(backend.get(), x.data.data(), x.pitch, rows, k, layer.input_block, got.codes.data(),
                          got.scales.data()));
    CHECK(got.codes == codes.codes && same_bits(got.scales.data(), codes.scales.data(), rows));
    CHECK_OK(esp_linear(backend.get(), x.data.data(), x.pitch, rows, layer.packed.get(), y.data.data(), y.pitch));
    CHECK(y.guards_untouched());
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t c = 0; c < n; ++c) {
        const float expected = layer.output(codes, t, c);
        CHECK(same_bits(&expected, y.row(t) + c, 1));
        if (rows > 2 && t == 1) CHECK(y.at(t, c) == layer.bias[static_cast<size_t>(c)]);
      }
    }
    // Any stretch of rows gives what it gave in the whole.
    if (rows == 0) continue;
    const int64_t first = random_int(0, rows - 1);
    Matrix part(random_int(1, rows - first), n, 1);
    CHECK_OK(
        esp_linear(backend.get(), x.row(first), x.pitch, part.rows, layer.packed.get(), part.data.data(), part.pitch));
    for (int64_t r = 0; r < part.rows; ++r) CHECK(same_bits(part.row(r), y.row(first + r), n));
  }
}

// Outputs of rows that are quantized to `x`, each of which has a code of +-127: accumulators beyond 2^24 are rounded.
void expect_outputs(int32_t isa, Int8Linear& layer, Codes& x) {
  layer.input_block = 1;
  Matrix in(x.rows, x.k);
  for (int64_t r = 0; r < x.rows; ++r) {
    x.scales[static_cast<size_t>(r)] = 0.5f;
    for (int64_t i = 0; i < x.k; ++i) in.row(r)[i] = 0.5f * static_cast<float>(x.row(r)[i]);
  }
  Matrix y(x.rows, layer.w.rows);
  for (const int32_t threads : {1, 3}) {
    const Backend backend = make_backend(isa, threads);
    layer.pack(backend.get());
    CHECK_OK(esp_linear(backend.get(), in.data.data(), in.pitch, in.rows, layer.packed.get(), y.data.data(), y.pitch));
    for (int64_t t = 0; t < x.rows; ++t) {
      for (int64_t c = 0; c < layer.w.rows; ++c) {
        const float expected = layer.output(x, t, c);
        CHECK(same_bits(&expected, y.row(t) + c, 1));
      }
    }
    layer.packed.reset();
  }
}

// All products as large as they get, of one sign or of alternating ones: the longest sums there are. So many rows that
// tiles of any height are full and cut.
void worst_case(int32_t isa, int64_t k, int64_t rows) {
  for (const int w : {127, -127, -128}) {
    for (const int zero_point : {0, 127, -128}) {
      check::context =
          shape(isa, rows, 3, k) + " all " + std::to_string(w) + " zero point " + std::to_string(zero_point);
      const Backend backend = make_backend(isa, 1);
      Int8Linear layer(3, k, [w] { return static_cast<int8_t>(w); }, false);
      for (int64_t i = 0; i < k; i += 2) layer.w.row(2)[i] = static_cast<int8_t>(-std::max(-127, w));
      if (zero_point != 0) layer.zero_points.assign(3, zero_point);
      layer.pack(backend.get());
      Codes x(rows, k);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t i = 0; i < k; ++i) x.row(r)[i] = r % 3 == 0 || (r % 3 == 2 && i % 2 == 0) ? 127 : -127;
      }
      expect_accumulators(backend.get(), layer, x);
      expect_outputs(isa, layer, x);
    }
  }
}

// Neighbouring codes whose sum is at the edge of what two products of bytes may add up to in 16 bits, under the weights
// that make them largest; every row has them in other places.
void pairs(int32_t isa) {
  for (const int64_t k : {2, 7, 31, 64, 99, 384}) {
    check::context = shape(isa, 40, 19, k) + " pairs";
    const Backend backend = make_backend(isa, 1);
    Int8Linear layer(
        19, k, [] { return std::array<int8_t, 4>{127, -128, -127, 0}[static_cast<size_t>(random_int(0, 3))]; }, false);
    layer.pack(backend.get());
    Codes x(40, k);
    for (int64_t r = 0; r < x.rows; ++r) {
      const int64_t share = r % 4;  // of four pairs that many are at an edge, the others are small
      for (int64_t i = 0; i < k; i += 2) {
        const int64_t sum = std::array<int64_t, 5>{127, 128, 129, 190, 254}[static_cast<size_t>(random_int(0, 4))];
        const int64_t first = random_int(sum - 127, 127);
        const int64_t sign = random_int(0, 1) == 0 ? 1 : -1;
        const bool edge = random_int(0, 3) <= share;
        x.row(r)[i] = static_cast<int8_t>(edge ? sign * first : random_int(-60, 60));
        if (i + 1 < k) x.row(r)[i + 1] = static_cast<int8_t>(edge ? sign * (sum - first) : random_int(-60, 60));
      }
    }
    expect_accumulators(backend.get(), layer, x);
  }
}

// Rows whose scale or codes sit at an edge of fp32.
void edges(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " edges";
  const Backend backend = make_backend(isa, 1);
  std::vector<float> largest = {0.0f,
                                1e-45f,
                                63e-45f,
                                9e-44f,
                                2.7e-43f,
                                1e-40f,
                                0x1p-126f,
                                1.5e-38f,
                                1e-31f,
                                0x1p-100f,
                                1e-29f,
                                1.0f,
                                127.0f,
                                63.5f,
                                1e30f,
                                0x1p100f,
                                1.7e32f,
                                1e38f,
                                3.40282347e38f,
                                bits_to_float(0x3f7fffff),
                                bits_to_float(0x42fdffff)};
  for (int i = 0; i < 2000; ++i) largest.push_back(bits_to_float(static_cast<uint32_t>(random_int(1, 0x7f7fffff))));
  for (const float a : largest) {
    Matrix x(1, 133);
    for (int64_t c = 0; c < x.columns; ++c) {
      const float step = a / 127.0f;
      x.row(0)[c] = c % 3 == 0 ? static_cast<float>(random_int(-127, 126)) * step + 0.5f * step
                               : a * static_cast<float>(random_int(-1000, 1000)) / 1000.0f;
      if (!(std::fabs(x.at(0, c)) <= a)) x.row(0)[c] = -a;
    }
    x.row(0)[random_int(0, x.columns - 1)] = a;
    const Codes expected = reference(x, 1);
    Codes got(1, x.columns);
    CHECK_OK(esp_quantize(backend.get(), x.data.data(), x.pitch, 1, x.columns, 1, got.codes.data(), got.scales.data()));
    CHECK(got.codes == expected.codes && same_bits(got.scales.data(), expected.scales.data(), 1));
  }
}

// The quotient is computed without a division where that is proven to give the same bits: so many that a flaw in the
// proof would show, half of them within a few ulp of where a code changes.
void quotients(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " quotients, seed " + std::to_string(check::seed());
  const Backend backend = make_backend(isa, 1);
  const int64_t rows = 64;
  const int64_t columns = 4096;
  Matrix x(rows, columns);
  Codes expected(rows, columns);
  Codes got(rows, columns);
  uint64_t state = check::seed() * 2 + 1;
  const auto next = [&state] {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(state >> 32);
  };
  int64_t pairs = 0;
  for (int round = 0; round < 400; ++round) {
    for (int64_t r = 0; r < rows; ++r) {
      float* row = x.row(r);
      const float a = bits_to_float((next() & 0x7fffffu) | ((100u + next() % 60u) << 23));
      const float s = a / 127.0f;
      for (int64_t c = 0; c < columns; ++c) {
        const uint32_t random = next();
        if (c % 2 == 0) {
          row[c] = static_cast<float>(static_cast<int32_t>(random)) * 0x1p-31f * a;
        } else {
          const float half = static_cast<float>(random % 127u) + 0.5f;
          row[c] = bits_to_float(float_to_bits(half * s) + (random >> 16) % 7u - 3u);
        }
      }
      row[next() % columns] = a;
    }
    for (int64_t r = 0; r < rows; ++r) {
      expected.scales[static_cast<size_t>(r)] = reference_row(x.row(r), columns, expected.row(r));
    }
    CHECK_OK(
        esp_quantize(backend.get(), x.data.data(), x.pitch, rows, columns, 1, got.codes.data(), got.scales.data()));
    CHECK(got.codes == expected.codes && same_bits(got.scales.data(), expected.scales.data(), rows));
    pairs += rows * columns;
  }
  std::printf("%s: %.3g quotients\n", esp_isa_name(isa), static_cast<double>(pairs));
}

void feed_forward(int32_t isa, int32_t threads, int64_t rows, int64_t k, int64_t intermediate, int64_t n, int32_t act) {
  check::context = shape(isa, rows, n, k) + " intermediate " + std::to_string(intermediate) + " threads " +
                   std::to_string(threads) + " activation " + std::to_string(act);
  const Backend backend = make_backend(isa, threads);
  Int8Linear in(intermediate, k, any_code, random_int(0, 3) == 0);
  Int8Linear out(n, intermediate, imported_code, random_int(0, 3) == 0);
  in.pack(backend.get());
  out.pack(backend.get());
  const Linear dense_in(backend.get(), intermediate, k);
  const Linear dense_out(backend.get(), n, intermediate);
  const Matrix x = Matrix(rows, k, random_int(0, 4)).randomize(2.0f);
  const std::pair<const esp_weight*, const esp_weight*> layers[] = {{in.packed.get(), out.packed.get()},
                                                                    {in.packed.get(), dense_out.packed.get()},
                                                                    {dense_in.packed.get(), out.packed.get()}};
  for (const auto& [first, second] : layers) {
    Matrix h(rows, intermediate);
    Matrix expected(rows, n);
    Matrix y(rows, n, random_int(0, 4));
    CHECK_OK(esp_linear(backend.get(), x.data.data(), x.pitch, rows, first, h.data.data(), h.pitch));
    CHECK_OK(esp_activation(backend.get(), act, h.data.data(), h.pitch, rows, intermediate, h.data.data(), h.pitch));
    CHECK_OK(esp_linear(backend.get(), h.data.data(), h.pitch, rows, second, expected.data.data(), n));
    CHECK_OK(esp_feed_forward(backend.get(), x.data.data(), x.pitch, rows, first, act, second, y.data.data(), y.pitch));
    CHECK(same_bits(expected, y));
    CHECK(y.guards_untouched());
  }
}

bool last_error_has(const char* text) { return std::string(esp_last_error()).find(text) != std::string::npos; }

void errors(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " errors";
  const Backend backend = make_backend(isa, 2);
  esp_backend* b = backend.get();
  Int8Linear in(70, 37, any_code, false);
  Int8Linear out(20, 70, any_code, false);
  in.pack(b);
  out.pack(b);
  const Linear dense(b, 20, 37);
  Matrix y(300, 70);
  for (const float value : {std::nanf(""), INFINITY, -INFINITY}) {
    for (const int64_t bad : {0, 7, 299}) {
      for (const int64_t column : {0, 20, 36}) {
        Matrix x = Matrix(300, 37).randomize();
        x.row(bad)[column] = value;
        x.row(299)[5] = value;
        const std::string text = "row " + std::to_string(bad) + " of x has a value that is not finite";
        CHECK(esp_linear(b, x.data.data(), 37, 300, in.packed.get(), y.data.data(), 70) == ESP_INVALID_ARGUMENT);
        CHECK(esp_last_error() == text);
        CHECK(esp_feed_forward(b, x.data.data(), 37, 300, in.packed.get(), ESP_RELU, out.packed.get(), y.data.data(),
                               70) == ESP_INVALID_ARGUMENT);
        CHECK(esp_last_error() == text);
        std::vector<int8_t> codes(300 * 37);
        std::vector<float> scales(300);
        CHECK(esp_quantize(b, x.data.data(), 37, 300, 37, 1, codes.data(), scales.data()) == ESP_INVALID_ARGUMENT);
        CHECK(esp_last_error() == text);
      }
    }
  }
  Matrix x = Matrix(300, 37).randomize();
  for (float& f : in.w.scales) f = 1e38f;
  in.pack(b);
  CHECK(esp_feed_forward(b, x.data.data(), 37, 300, in.packed.get(), ESP_RELU, out.packed.get(), y.data.data(), 70) ==
        ESP_INVALID_ARGUMENT);
  CHECK(last_error_has("row 0 of the activated intermediate has a value that is not finite"));
  std::vector<int32_t> acc(300 * 20);
  Matrix large(1, 37);
  std::fill_n(large.row(0), 37, 3e38f);
  CHECK(esp_weight_set_input_block(in.packed.get(), 2) == ESP_OK);
  CHECK(esp_linear(b, large.row(0), 37, 1, in.packed.get(), y.data.data(), 70) == ESP_INVALID_ARGUMENT);
  CHECK(last_error_has("row 0 of x has a value that is not finite"));
  for (const int32_t block : {-1, 0, 3, 48, 64}) {
    CHECK(esp_weight_set_input_block(in.packed.get(), block) == ESP_INVALID_ARGUMENT);
    CHECK(last_error_has("expected a power of two up to 32"));
  }
  CHECK(esp_weight_set_input_block(dense.packed.get(), 32) == ESP_INVALID_ARGUMENT);
  CHECK(esp_weight_set_rows(in.packed.get(), 0, 1, x.data.data()) == ESP_INVALID_ARGUMENT);
  CHECK(esp_weight_set_codes(dense.packed.get(), 0, 1, in.w.row(0), in.w.scales.data(), nullptr) ==
        ESP_INVALID_ARGUMENT);
  CHECK(esp_linear_accumulators(b, in.w.row(0), 1, dense.packed.get(), acc.data()) == ESP_INVALID_ARGUMENT);
  esp_weight* none = nullptr;
  CHECK(esp_weight_create(b, 4, 4, 99, &none) == ESP_UNSUPPORTED && none == nullptr);
  CHECK(esp_weight_create(b, 4, 70000, ESP_I8, &none) == ESP_UNSUPPORTED && none == nullptr);
}

void embeddings(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " embeddings";
  const Backend backend = make_backend(isa, 1);
  for (int64_t columns = 1; columns < 70; columns += 3) {
    const int32_t zero_point = static_cast<int32_t>(random_int(-128, 127));
    Int8Linear table(50, columns, imported_code, false);
    Matrix word(50, columns);
    for (int64_t r = 0; r < 50; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        word.row(r)[c] = static_cast<float>(table.w.row(r)[c] - zero_point) * table.w.scales[static_cast<size_t>(r)];
      }
    }
    const Matrix other = Matrix(30, columns).randomize();
    std::vector<int32_t> ids, few;
    for (int t = 0; t < 30; ++t) {
      ids.push_back(static_cast<int32_t>(random_int(0, 49)));
      few.push_back(static_cast<int32_t>(random_int(0, 29)));
    }
    Matrix y(30, columns, 1);
    Matrix z(30, columns, 1);
    CHECK_OK(esp_embed_layernorm(backend.get(), ids.data(), few.data(), few.data(), 30, columns, word.data.data(),
                                 ESP_F32, nullptr, 0, other.data.data(), other.data.data(), other.row(0), other.row(1),
                                 1e-5f, y.data.data(), y.pitch));
    CHECK_OK(esp_embed_layernorm(backend.get(), ids.data(), few.data(), few.data(), 30, columns, table.w.codes.data(),
                                 ESP_I8, table.w.scales.data(), zero_point, other.data.data(), other.data.data(),
                                 other.row(0), other.row(1), 1e-5f, z.data.data(), z.pitch));
    CHECK(same_bits(y, z) && z.guards_untouched());
  }
}

void weight_bytes() {
  check::context = "bytes";
  const Backend backend = make_backend(0, 1);
  Int8Linear layer(1152, 384, any_code, false);
  layer.pack(backend.get());
  const Linear dense(backend.get(), 1152, 384);
  CHECK(static_cast<double>(esp_weight_bytes(dense.packed.get())) >=
        3.8 * static_cast<double>(esp_weight_bytes(layer.packed.get())));
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    for (int64_t rows = 0; rows <= 70; ++rows) one_shape(isa, rows, random_int(1, 100), random_int(1, 100));
    for (int i = 0; i < 6; ++i) one_shape(isa, random_int(1, 200), random_int(1, 130), random_int(1, 300));
    one_shape(isa, 950, 33, 65);
    one_shape(isa, 130, 97, 1100);
    one_shape(isa, 1, 1, 1);
    worst_case(isa, 16384, 3);
    worst_case(isa, 16384, 19);
    worst_case(isa, 16384 - 37, 33);
    pairs(isa);
    edges(isa);
    for (int32_t act = ESP_GELU; act <= ESP_TANH; ++act) feed_forward(isa, 2, 19, 40, 70, 50, act);
    for (int64_t rows = 0; rows <= 30; rows += 3) {
      feed_forward(isa, static_cast<int32_t>(random_int(1, 4)), rows, random_int(1, 90), random_int(1, 140),
                   random_int(1, 90), ESP_GELU);
    }
    for (int32_t threads = 1; threads <= 4; ++threads) {
      feed_forward(isa, threads, random_int(90, 300), random_int(1, 130), random_int(300, 600), random_int(1, 130),
                   ESP_GELU);
    }
    errors(isa);
    embeddings(isa);
    if (isa != ESP_ISA_PORTABLE) quotients(isa);
  });
  weight_bytes();
  return check::finish();
}
