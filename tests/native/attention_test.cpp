// esp_attention, in fp32 and in bf16 products, and its probabilities against a double reference: uneven heads, key and
// head masks, any mix of lengths; and that a sequence's bits depend on nothing but it.
#include "bounds.h"
#include "fixture.h"

namespace {

std::string name(int32_t isa, int32_t products) {
  return std::string(esp_isa_name(isa)) + (products == ESP_F32 ? "" : " bf16 products");
}

struct Reference {
  std::vector<double> p;      // [length, length] of one head
  std::vector<double> error;  // relative, before the sum and the division: bounds::softmax
};

// Softmax of one head over rows first .. first+length-1.
Reference softmax(const Matrix& qkv, const HeadList& heads, size_t h, int64_t first, int64_t length,
                  const uint8_t* mask, int32_t products = ESP_F32) {
  int64_t query = 0;
  for (size_t i = 0; i < h; ++i) query += heads.qk[i];
  const int64_t key = heads.qk_total() + query;
  Reference result;
  result.p.resize(static_cast<size_t>(length * length));
  for (int64_t i = 0; i < length; ++i) {
    std::vector<double> s(static_cast<size_t>(length), -INFINITY);
    std::vector<double> s_error(static_cast<size_t>(length), 0.0);
    double highest = -INFINITY;
    for (int64_t j = 0; j < length; ++j) {
      if (mask != nullptr && mask[first + j] == 0) continue;
      double dot = 0.0;
      double magnitude = 0.0;
      double operands = 0.0;
      for (int64_t d = 0; d < heads.qk[h]; ++d) {
        const double q = operand(qkv.at(first + i, query + d), products);
        const double k = operand(qkv.at(first + j, key + d), products);
        dot += q * k;
        magnitude += std::fabs(q * k);
        operands += std::fabs(q) + std::fabs(k);
      }
      s_error[static_cast<size_t>(j)] =
          heads.scale[h] * (products == ESP_F32 ? bounds::gamma(heads.qk[h] + 2) * magnitude
                                                : bounds::linear_bf16(heads.qk[h] + 1, magnitude, operands));
      s[static_cast<size_t>(j)] = dot * heads.scale[h];
      highest = std::fmax(highest, dot * heads.scale[h]);
    }
    const std::vector<double> relative = bounds::softmax(s, s_error);
    result.error.insert(result.error.end(), relative.begin(), relative.end());
    double sum = 0.0;
    for (double& v : s) sum += v = std::isinf(v) ? 0.0 : std::exp(v - highest);
    for (int64_t j = 0; j < length; ++j) {
      result.p[static_cast<size_t>(i * length + j)] = sum == 0.0 ? 0.0 : s[static_cast<size_t>(j)] / sum;
    }
  }
  return result;
}

void expect_attention(const Matrix& qkv, const HeadList& heads, const std::vector<int32_t>& offsets,
                      const uint8_t* mask, const Matrix& head_mask, const Matrix& y, int32_t products) {
  const double rounded = products == ESP_F32 ? 0.0 : 0x1p-8;  // a weight, for the product with the values
  int64_t column = 0;
  for (size_t h = 0; h < heads.qk.size(); ++h) {
    for (size_t b = 0; b + 1 < offsets.size(); ++b) {
      const int64_t first = offsets[b];
      const int64_t length = offsets[b + 1] - first;
      const double factor = head_mask.at(static_cast<int64_t>(b), heads.index[h]);
      if (factor == 0.0) {
        for (int64_t i = 0; i < length * heads.v[h]; ++i) {
          CHECK(y.at(first + i / heads.v[h], column + i % heads.v[h]) == 0.0f);
        }
        continue;
      }
      const Reference r = softmax(qkv, heads, h, first, length, mask, products);
      for (int64_t i = 0; i < length; ++i) {
        for (int64_t c = 0; c < heads.v[h]; ++c) {
          double sum = 0.0;
          double bound = static_cast<double>(length + 1) * 0x1p-122;  // what is below 2^-126 may be flushed to 0
          for (int64_t j = 0; j < length; ++j) {
            const size_t at = static_cast<size_t>(i * length + j);
            const double value = operand(qkv.at(first + j, 2 * heads.qk_total() + column + c), products);
            const double term = factor * r.p[at] * value;
            sum += term;
            if (r.p[at] == 0.0) continue;
            const double error = r.error[at] + (1.0 + r.error[at]) * rounded;
            bound += std::fabs(term) * (error + (1.0 + error) * bounds::gamma(2 * length + 5));
          }
          CHECK_NEAR(y.at(first + i, column + c), sum, bound);
        }
      }
    }
    column += heads.v[h];
  }
}

// Factors of half the heads 0, of some 1; the heads' places in the mask are no longer 0, 1, 2, ..
Matrix random_head_mask(HeadList& heads, int64_t sequences) {
  for (int32_t& i : heads.index) i = 2 * i + 1;
  Matrix mask(sequences, 2 * int64_t{heads.count()}, random_int(0, 3));
  for (int64_t b = 0; b < sequences; ++b) {
    for (int64_t h = 0; h < mask.columns; ++h) {
      const int64_t kind = random_int(0, 3);
      mask.row(b)[h] = kind < 2 ? 0.0f : kind == 2 ? 1.0f : random_float();
    }
  }
  return mask;
}

// Nothing of a head that is off may be looked at.
void spoil(Matrix& qkv, const HeadList& heads, const std::vector<int32_t>& offsets, const Matrix& head_mask) {
  int64_t query = 0;
  int64_t value = 2 * heads.qk_total();
  for (size_t h = 0; h < heads.qk.size(); ++h) {
    for (size_t b = 0; b + 1 < offsets.size(); ++b) {
      if (head_mask.at(static_cast<int64_t>(b), heads.index[h]) != 0.0f) continue;
      for (int64_t t = offsets[b]; t < offsets[b + 1]; ++t) {
        std::fill_n(qkv.row(t) + query, heads.qk[h], NAN);
        std::fill_n(qkv.row(t) + heads.qk_total() + query, heads.qk[h], NAN);
        std::fill_n(qkv.row(t) + value, heads.v[h], NAN);
      }
    }
    query += heads.qk[h];
    value += heads.v[h];
  }
}

void head_masks(int32_t isa, int32_t products, int32_t threads, HeadList heads, const std::vector<int32_t>& lengths) {
  check::context = name(isa, products) + " head mask, threads " + std::to_string(threads) + " heads " +
                   std::to_string(heads.count()) + " sequences " + std::to_string(lengths.size()) + " seed " +
                   std::to_string(check::seed());
  const Backend backend = make_backend(isa, threads);
  const std::vector<int32_t> offsets = offsets_of(lengths);
  const int64_t sequences = static_cast<int64_t>(lengths.size());
  const Matrix mask = random_head_mask(heads, sequences);
  heads.pack(backend.get(), products);
  Matrix qkv = Matrix(offsets.back(), heads.columns()).randomize();
  spoil(qkv, heads, offsets, mask);
  Matrix y(offsets.back(), heads.v_total(), 3);
  CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, offsets.back(), sequences, offsets.data(), nullptr,
                         heads.packed.get(), mask.data.data(), mask.pitch, y.data.data(), y.pitch));
  CHECK(y.guards_untouched());
  expect_attention(qkv, heads, offsets, nullptr, mask, y, products);
  const Backend single = make_backend(isa, 1);
  for (size_t b = 0; b < lengths.size(); ++b) {
    const int32_t own[2] = {0, lengths[b]};
    Matrix z(lengths[b], heads.v_total());
    CHECK_OK(esp_attention(single.get(), qkv.row(offsets[b]), qkv.pitch, own[1], 1, own, nullptr, heads.packed.get(),
                           mask.row(static_cast<int64_t>(b)), mask.pitch, z.data.data(), z.pitch));
    for (int64_t r = 0; r < z.rows; ++r) CHECK(same_bits(z.row(r), y.row(offsets[b] + r), z.columns));
  }
}

void one_batch(int32_t isa, int32_t products, int32_t threads, HeadList heads, const std::vector<int32_t>& lengths,
               bool masked) {
  check::context = name(isa, products) + " threads " + std::to_string(threads) + " heads " +
                   std::to_string(heads.count()) + " sequences " + std::to_string(lengths.size()) + " seed " +
                   std::to_string(check::seed());
  const Backend backend = make_backend(isa, threads);
  heads.pack(backend.get(), products);
  const std::vector<int32_t> offsets = offsets_of(lengths);
  const int64_t tokens = offsets.back();
  const Matrix qkv = Matrix(tokens, heads.columns(), random_int(0, 5)).randomize();
  std::vector<uint8_t> mask(static_cast<size_t>(tokens));
  for (uint8_t& m : mask) m = random_int(0, 3) != 0;
  // One sequence has nothing to look at.
  if (masked) std::fill(mask.begin() + offsets[lengths.size() - 1], mask.end(), uint8_t{0});
  const uint8_t* mp = masked ? mask.data() : nullptr;
  Matrix y(tokens, heads.v_total(), random_int(0, 5));
  CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, offsets.back(),
                         static_cast<int64_t>(lengths.size()), offsets.data(), mp, heads.packed.get(), nullptr, 0,
                         y.data.data(), y.pitch));
  CHECK(y.guards_untouched());
  Matrix ones(static_cast<int64_t>(lengths.size()), heads.count());
  for (float& f : ones.data) f = 1.0f;
  expect_attention(qkv, heads, offsets, mp, ones, y, products);
  // Factors of 1 change no bit.
  Matrix same(tokens, heads.v_total());
  CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, tokens, ones.rows, offsets.data(), mp,
                         heads.packed.get(), ones.data.data(), ones.pitch, same.data.data(), same.pitch));
  CHECK(same_bits(same, y));

  // Alone, on one thread: the same bits.
  const Backend single = make_backend(isa, 1);
  for (size_t b = 0; b < lengths.size(); ++b) {
    const int32_t own[2] = {0, lengths[b]};
    Matrix z(lengths[b], heads.v_total(), 3);
    CHECK_OK(esp_attention(single.get(), qkv.row(offsets[b]), qkv.pitch, own[1], 1, own,
                           masked ? mp + offsets[b] : nullptr, heads.packed.get(), nullptr, 0, z.data.data(), z.pitch));
    CHECK(z.guards_untouched());
    for (int64_t r = 0; r < z.rows; ++r) CHECK(same_bits(z.row(r), y.row(offsets[b] + r), z.columns));

    const int64_t length = lengths[b];
    std::vector<float> p(static_cast<size_t>(heads.count() * length * length));
    CHECK_OK(esp_attention_probabilities(backend.get(), qkv.row(offsets[b]), qkv.pitch, length,
                                         masked ? mp + offsets[b] : nullptr, heads.packed.get(), p.data()));
    for (size_t h = 0; h < heads.qk.size(); ++h) {
      const Reference r = softmax(qkv, heads, h, offsets[b], length, mp);
      for (size_t i = 0; i < r.p.size(); ++i) {
        const double bound = r.p[i] > 0.0 ? r.p[i] * (r.error[i] + bounds::gamma(length + 2)) : 0.0;
        CHECK_NEAR(p[h * r.p.size() + i], r.p[i], bound + 0x1p-125);
      }
    }
  }
}

HeadList even_heads(int count, int width) {
  HeadList heads;
  for (int i = 0; i < count; ++i) heads.add(width, width, 1.0f / std::sqrt(static_cast<float>(width)));
  return heads;
}

HeadList uneven_heads() {
  HeadList heads;
  for (int64_t i = random_int(1, 5); i > 0; --i) {
    heads.add(random_int(1, 70), random_int(1, 70), 0.1f + 0.1f * std::fabs(random_float()));
  }
  return heads;
}

std::vector<int32_t> random_lengths(int64_t count, int64_t longest) {
  std::vector<int32_t> lengths;
  for (int64_t i = 0; i < count; ++i) lengths.push_back(static_cast<int32_t>(random_int(1, longest)));
  return lengths;
}

void not_finite(int32_t isa, int32_t products) {
  check::context = name(isa, products) + " not finite";
  const Backend backend = make_backend(isa, 2);
  HeadList heads = even_heads(2, 8);
  heads.pack(backend.get(), products);
  Matrix qkv = Matrix(20, heads.columns()).randomize();
  const std::vector<int32_t> offsets{0, 10, 20};
  qkv.row(13)[16] = std::nanf("");  // a key of head 0 in the second sequence
  qkv.row(4)[32] = std::nanf("");   // a value of head 0 in the first
  Matrix y(20, 16);
  CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, offsets.back(), 2, offsets.data(), nullptr,
                         heads.packed.get(), nullptr, 0, y.data.data(), y.pitch));
  for (int64_t t = 0; t < 20; ++t) {
    for (int64_t c = 0; c < 16; ++c) CHECK(std::isnan(y.at(t, c)) == (t < 10 ? c == 0 : c < 8));
  }
  // Masked, neither is looked at.
  std::vector<uint8_t> mask(20, 1);
  mask[13] = mask[4] = 0;
  CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, offsets.back(), 2, offsets.data(), mask.data(),
                         heads.packed.get(), nullptr, 0, y.data.data(), y.pitch));
  for (int64_t t = 0; t < 20; ++t) {
    for (int64_t c = 0; c < 16; ++c) CHECK(std::isfinite(y.at(t, c)));
  }
}

// All that holds for either kind of products.
void contract(int32_t isa, int32_t products) {
  const auto batch = [&](int32_t threads, HeadList heads, const std::vector<int32_t>& lengths, bool masked) {
    one_batch(isa, products, threads, std::move(heads), lengths, masked);
  };
  for (int32_t length = 1; length <= 40; ++length) batch(2, even_heads(2, 32), {length}, length % 2 == 0);
  for (int i = 0; i < 12; ++i) {
    batch(static_cast<int32_t>(random_int(1, 4)), uneven_heads(), random_lengths(random_int(1, 8), 60), i % 2 == 0);
  }
  batch(2, even_heads(3, 64), {250, 3, 100, 1}, false);
  batch(4, even_heads(1, 32), {300}, true);
  batch(4, even_heads(1, 32), {600}, false);
  for (int i = 0; i < 12; ++i) {
    head_masks(isa, products, static_cast<int32_t>(random_int(1, 4)), uneven_heads(),
               random_lengths(random_int(1, 8), 60));
  }
  head_masks(isa, products, 4, even_heads(2, 32), {300});
  not_finite(isa, products);
}

// Who has bf16 products, and that they may be taken back.
void set_products(int32_t isa) {
  check::context = std::string(esp_isa_name(isa)) + " set_products";
  const Backend backend = make_backend(isa, 1);
  HeadList heads = even_heads(1, 8);
  heads.pack(backend.get());
  CHECK(esp_heads_set_products(heads.packed.get(), ESP_I8) == ESP_INVALID_ARGUMENT);
  CHECK_OK(esp_heads_set_products(heads.packed.get(), ESP_F32));
  if (isa < ESP_ISA_AVX512_BF16) {
    CHECK(esp_heads_set_products(heads.packed.get(), ESP_BF16_PRODUCTS) == ESP_UNSUPPORTED);
    CHECK(std::string(esp_last_error()).find("no bf16 products") != std::string::npos);
    return;
  }
  const Matrix qkv = Matrix(5, heads.columns()).randomize();
  const int32_t offsets[2] = {0, 5};
  Matrix y[3] = {Matrix(5, 8), Matrix(5, 8), Matrix(5, 8)};
  for (int i = 0; i < 3; ++i) {
    if (i > 0) CHECK_OK(esp_heads_set_products(heads.packed.get(), i == 1 ? ESP_BF16_PRODUCTS : ESP_F32));
    CHECK_OK(esp_attention(backend.get(), qkv.data.data(), qkv.pitch, 5, 1, offsets, nullptr, heads.packed.get(),
                           nullptr, 0, y[i].data.data(), y[i].pitch));
  }
  CHECK(!same_bits(y[0], y[1]));
  CHECK(same_bits(y[0], y[2]));
}

}  // namespace

int main() {
  for_each_isa([](int32_t isa) {
    for (const int32_t products : product_types(isa)) contract(isa, products);
    set_products(isa);
    // Nothing to do is not an error.
    const Backend backend = make_backend(isa, 2);
    HeadList none;
    none.pack(backend.get());
    const int32_t offsets[2] = {0, 3};
    CHECK_OK(
        esp_attention(backend.get(), nullptr, 0, 3, 1, offsets, nullptr, none.packed.get(), nullptr, 0, nullptr, 0));
    HeadList some = even_heads(1, 4);
    some.pack(backend.get());
    CHECK_OK(
        esp_attention(backend.get(), nullptr, 0, 0, 0, offsets, nullptr, some.packed.get(), nullptr, 0, nullptr, 0));
  });
  return check::finish();
}
