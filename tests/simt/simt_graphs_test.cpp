// Whole passes on lanes that keep graphs, beside lanes that do not: the same bits for every batch that a graph serves,
// nothing computed beyond a batch's last tile, and graphs that give way when something else than the batch changed.
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "graph_rows.h"
#include "simt/emulator.h"
#include "table.h"

extern "C" const espalier::CudaTable* espalier_table(int32_t version, espalier::Fail fail);

namespace {

using namespace espalier;

thread_local std::string last_text;

esp_status keep_text(esp_status status, const char* text) {
  last_text = text;
  return status;
}

const Table& ops() {
  static const Table& instance = espalier_table(kTableVersion, keep_text)->ops;
  return instance;
}

#define OK(call)                                                                   \
  do {                                                                             \
    if ((call) != ESP_OK) check::fail(__FILE__, __LINE__, #call ": " + last_text); \
  } while (false)

constexpr int32_t kHidden = 64, kInner = 96, kHeads = 2, kVocab = 50, kGraphs = 4;
constexpr int64_t kMost = 640;  // rows

// A number that looks random and is the same wherever it is asked for.
float value_at(uint64_t i) { return static_cast<float>(static_cast<int>(i * 2654435761u >> 7 & 0xff) - 128) / 256.0f; }

// One layer of an encoder on a backend.
struct Model {
  esp_backend* backend = nullptr;
  esp_weight *qkv = nullptr, *out = nullptr, *in = nullptr, *down = nullptr;
  esp_heads* heads = nullptr;
  float* tables = nullptr;  // word, type, position, gamma, beta

  Model(int32_t dtype, bool int8) {
    OK(espalier_table(kTableVersion, keep_text)->backend_create("", 0, dtype, &backend));
    weight(3 * kHidden, kHidden, int8, &qkv);
    weight(kHidden, kHidden, int8, &out);
    weight(kInner, kHidden, int8, &in);
    weight(kHidden, kInner, int8, &down);
    const int32_t index[kHeads] = {0, 1}, width[kHeads] = {32, 32};
    const float scale[kHeads] = {0.17f, 0.17f};
    OK(ops().heads_create(backend, kHeads, index, width, width, scale, &heads));
    std::vector<float> values;
    for (int64_t i = 0; i < (kVocab + 2 + kMost + 2) * kHidden; ++i) values.push_back(value_at(i + 17));
    OK(ops().alloc(backend, static_cast<int64_t>(values.size()) * 4, reinterpret_cast<void**>(&tables)));
    OK(ops().write(backend, tables, values.data(), static_cast<int64_t>(values.size()) * 4));
    OK(ops().synchronize(backend));
  }
  ~Model() {
    ops().free(backend, tables);
    ops().heads_destroy(heads);
    for (esp_weight* w : {qkv, out, in, down}) ops().weight_destroy(w);
    ops().backend_destroy(backend);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

 private:
  void weight(int32_t n, int32_t k, bool int8, esp_weight** to) const {
    OK(ops().weight_create(backend, n, k, int8 ? ESP_I8 : ESP_F32, to));
    std::vector<float> values, scales(static_cast<size_t>(n), 0.01f);
    std::vector<int8_t> codes;
    for (int32_t i = 0; i < n * k; ++i) {
      values.push_back(value_at(static_cast<uint64_t>(i + n)));
      codes.push_back(static_cast<int8_t>(values.back() * 200));
    }
    if (int8) {
      OK(ops().weight_set_codes(*to, 0, n, codes.data(), scales.data(), nullptr));
    } else {
      OK(ops().weight_set_rows(*to, 0, n, values.data()));
    }
  }
};

using Lengths = std::vector<int32_t>;

// A lane with a workspace whose addresses do not depend on the batch; `graphs` 0: each op is run when it is called.
class Lane {
 public:
  Lane(const Model& model, int32_t graphs) : m_(model) {
    OK(ops().lane_create(m_.backend, &lane_));
    OK(ops().lane_graphs(lane_, graphs));
    OK(ops().alloc(m_.backend, kMost * 4 * 4 + 64, &batch_));
    for (void*& t : tensors_) OK(ops().alloc(m_.backend, kMost * 3 * kHidden * 4, &t));
  }
  ~Lane() {
    ops().backend_destroy(lane_);
    ops().free(m_.backend, batch_);
    for (void* t : tensors_) ops().free(m_.backend, t);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // The vectors of the sequences.
  std::vector<float> run(const Lengths& lengths, uint64_t salt = 0) {
    const int64_t sequences = static_cast<int64_t>(lengths.size());
    std::vector<int32_t> values(static_cast<size_t>(4 * kMost) + 16, 0);
    int32_t* offsets = values.data() + 3 * kMost;
    int64_t t = 0;
    for (size_t b = 0; b < lengths.size(); ++b) {
      for (int32_t i = 0; i < lengths[b]; ++i, ++t) {
        values[static_cast<size_t>(t)] = static_cast<int32_t>((t * 7 + i + static_cast<int64_t>(salt)) % kVocab);
        values[static_cast<size_t>(2 * kMost + t)] = i;
      }
      offsets[b + 1] = static_cast<int32_t>(t);
    }
    OK(ops().write(lane_, batch_, values.data(), static_cast<int64_t>(values.size()) * 4));
    const auto [x, qkv, context, y] = tensors_;
    const int32_t* ids = static_cast<const int32_t*>(batch_);
    const int32_t* type_of = ids + kMost;
    const float* type = m_.tables + kVocab * kHidden;
    const float* gamma = type + (2 + kMost) * kHidden;
    const int32_t* starts = ids + 3 * kMost;
    OK(ops().embed_layernorm(lane_, ids, type_of, type_of + kMost, t, kHidden, m_.tables, ESP_F32, nullptr, 0, type,
                             type + 2 * kHidden, gamma, gamma + kHidden, 1e-12f, x, kHidden));
    OK(ops().lane_tag(lane_, 3));
    OK(ops().linear(lane_, x, kHidden, t, m_.qkv, qkv, 3 * kHidden));
    OK(ops().attention(lane_, qkv, 3 * kHidden, t, sequences, starts, nullptr, m_.heads, nullptr, 0, context, kHidden));
    OK(ops().lane_tag(lane_, 4));
    OK(ops().linear(lane_, context, kHidden, t, m_.out, y, kHidden));
    OK(ops().add_layernorm(lane_, y, kHidden, x, kHidden, t, kHidden, gamma, gamma + kHidden, 1e-12f, x, kHidden));
    OK(ops().lane_tag(lane_, 5));
    OK(ops().feed_forward(lane_, x, kHidden, t, m_.in, ESP_GELU, m_.down, y, kHidden));
    OK(ops().add_layernorm(lane_, y, kHidden, x, kHidden, t, kHidden, gamma, gamma + kHidden, 1e-12f, x, kHidden));
    OK(ops().pool(lane_, ESP_POOL_MEAN, 1, x, kHidden, kHidden, sequences, starts, context, kHidden));
    std::vector<float> result(static_cast<size_t>(sequences * kHidden));
    status = ops().read_matrix(lane_, context, kHidden, sequences, kHidden, result.data());
    return result;
  }

  // All bytes of the workspace from some row on, of 4-byte elements at most.
  void fill(float value, int64_t columns) {
    const std::vector<float> values(static_cast<size_t>(kMost * columns), value);
    for (void* t : tensors_) OK(ops().write_matrix(lane_, values.data(), kMost, columns, t, columns));
    OK(ops().synchronize(lane_));
  }
  std::vector<float> rows(int tensor, int64_t columns) {
    std::vector<float> values(static_cast<size_t>(kMost * columns));
    OK(ops().read_matrix(lane_, tensors_[tensor], columns, kMost, columns, values.data()));
    return values;
  }

  esp_backend* get() const { return lane_; }
  esp_status status = ESP_OK;

 private:
  const Model& m_;
  esp_backend* lane_ = nullptr;
  void* batch_ = nullptr;
  void* tensors_[4] = {};
};

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void test_rows() {
  check::context = "graph_rows";
  CHECK(graph_rows(0) == 0 && graph_rows(1) == 16 && graph_rows(1025) == 1280);
  for (int64_t rows = 1; rows < 5000; ++rows) {
    const int64_t most = graph_rows(rows);
    CHECK(most >= rows && graph_rows(most) == most && most <= graph_rows(rows + 1));
    CHECK(most - rows < 16 || 5 * (most - rows) < most);
    CHECK((most == 48) == (rows >= 33 && rows <= 48));
  }
}

// Batches of 33 to 48 tokens and 1 to 16 sequences: one graph, made the second time it is asked for.
void test_bits(int32_t dtype, bool int8) {
  check::context = "bits, dtype " + std::to_string(dtype) + (int8 ? ", int8" : "");
  const Model model(dtype, int8);
  Lane graph(model, kGraphs), eager(model, 0);
  const std::vector<Lengths> batches = {{20, 13}, {48}, {1, 1, 40}, {33}, {5, 6, 7, 8, 9, 10}, {47}, {20, 13}};
  uint64_t salt = 0;
  for (const Lengths& lengths : batches) {
    const uint64_t before = simt::graph_launches();
    const std::vector<float> vectors = graph.run(lengths, ++salt);
    CHECK(graph.status == ESP_OK);
    // A lane that has just begun takes memory, and an int8 lane has its norms leave codes behind: then a pass is a new one.
    CHECK(salt <= 3 || simt::graph_launches() - before == 1);
    CHECK(same(vectors, eager.run(lengths, salt)));
  }
  // As many tokens as sequences: the two counts are one, and that is another graph. Nobody is served by the wrong one.
  const Lengths ones(33, 1);
  for (int i = 0; i < 3; ++i) CHECK(same(graph.run(ones), eager.run(ones)));
  CHECK(same(graph.run({16, 17}), eager.run({16, 17})));
}

// What lies behind a batch's rows is not used and not written, and tiles of which no row exists are not computed.
void test_extent(int32_t capability) {
  check::context = "extent, capability " + std::to_string(capability);
  const int32_t before = simt::options().capability;
  simt::options().capability = capability;
  {
    const Model model(ESP_F16, false);
    Lane graph(model, kGraphs), eager(model, 0);
    const Lengths full = {320, 320}, part = {257, 256};
    for (int i = 0; i < 2; ++i) graph.run(full);
    graph.fill(NAN, 3 * kHidden);
    const std::vector<float> expected = eager.run(part);
    const uint64_t launches = simt::graph_launches();
    simt::options().count = true;
    simt::reset_counters();
    CHECK(same(graph.run(part), expected));
    const std::vector<simt::Counters> of_part = simt::counters();
    CHECK(simt::graph_launches() == launches + 1);
    simt::reset_counters();
    graph.run(full);
    const std::vector<simt::Counters> of_full = simt::counters();
    simt::reset_counters();
    eager.run(part);
    const std::vector<simt::Counters> of_eager = simt::counters();
    simt::options().count = false;
    const auto products = [](const std::vector<simt::Counters>& all) {
      uint64_t sum = 0;
      for (const simt::Counters& c : all) sum += c.matrix_products;
      return sum;
    };
    CHECK(products(of_part) < products(of_full));
    // With the tiles of 8.0 the graph's instances are those of the batch alone, and so are their products.
    if (capability == 80) CHECK(products(of_part) == products(of_eager));
    std::printf("capability %d: %llu products for 513 rows, %llu for 640, %llu without graphs\n", capability,
                static_cast<unsigned long long>(products(of_part)), static_cast<unsigned long long>(products(of_full)),
                static_cast<unsigned long long>(products(of_eager)));

    graph.fill(NAN, 3 * kHidden);
    graph.run(part);
    const std::vector<float> x = graph.rows(0, kHidden);
    for (int64_t r = 0; r < 640; ++r) {
      for (int64_t c = 0; c < kHidden; ++c) {
        CHECK(std::isnan(x[static_cast<size_t>(r * kHidden + c)]) == (r >= 513));
      }
    }
  }
  simt::options().capability = before;
}

// A lane that may keep one graph alternates between batches; one whose weight changes meets the change.
void test_changes() {
  check::context = "one graph for two kinds of batches";
  const Model model(ESP_F16, true);
  Lane graph(model, 1), eager(model, 0);
  for (int i = 0; i < 8; ++i) {
    const Lengths lengths = i / 3 % 2 == 0 ? Lengths{9, 7} : Lengths{60};
    CHECK(same(graph.run(lengths), eager.run(lengths)));
  }
  check::context = "a weight that changes";
  Lane other(model, kGraphs);
  std::vector<float> before;
  for (int i = 0; i < 4; ++i) before = other.run({30});
  OK(ops().weight_set_input_block(model.out, 4));
  const std::vector<float> after = other.run({30});
  CHECK(!same(before, after));
  CHECK(same(after, eager.run({30})));
}

// A value that is not finite, met by a graph, is reported as it is without.
void test_faults() {
  check::context = "a fault in a graph";
  const Model model(ESP_F16, true);
  Lane graph(model, kGraphs);
  for (int i = 0; i < 4; ++i) graph.run({20});
  const uint64_t launches = simt::graph_launches();
  const std::vector<float> nan(1, NAN), good(1, value_at(17));
  // Column 0 of the first token's word.
  OK(ops().write(graph.get(), model.tables, nan.data(), 4));
  graph.run({20});
  CHECK(simt::graph_launches() == launches + 1);
  CHECK(graph.status == ESP_INVALID_ARGUMENT && last_text == "row 0 of x has a value that is not finite");
  CHECK(ops().fault_tag(graph.get()) == 3);
  OK(ops().write(graph.get(), model.tables, good.data(), 4));
  graph.run({20});
  CHECK(graph.status == ESP_OK);
}

// Two lanes of a model, on two threads.
void test_threads() {
  check::context = "two lanes at once";
  const Model model(ESP_F16, true);
  Lane eager(model, 0);
  const std::vector<Lengths> batches = {{20, 13}, {48}, {60}, {33}, {9, 8, 7}, {47}};
  std::vector<std::vector<float>> expected;
  for (const Lengths& lengths : batches) expected.push_back(eager.run(lengths));
  bool good[2] = {true, true};
  const auto work = [&](int number) {
    Lane lane(model, kGraphs);
    for (int round = 0; round < 4; ++round) {
      for (size_t i = 0; i < batches.size(); ++i) {
        const size_t b = (i + static_cast<size_t>(number) * 3) % batches.size();
        good[number] = good[number] && same(lane.run(batches[b]), expected[b]) && lane.status == ESP_OK;
      }
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  CHECK(good[0] && good[1]);
}

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  test_rows();
  test_bits(ESP_F32, false);
  test_bits(ESP_F16, false);
  test_bits(ESP_BF16, true);
  test_extent(80);
  test_extent(90);
  test_changes();
  test_faults();
  test_threads();
  CHECK(simt::device_memory_used() == 0 && simt::pinned_memory_used() == 0);
  return check::finish();
}
