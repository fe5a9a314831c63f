// Speed of the native ops as a share of the machine's peak, and of a whole network of MiniLM's shape with random
// weights.
//
//   native_bench [--threads N] [--isa NAME] [--only linear|gemm|feed_forward|attention|network|latency] [--rounds N]
//                [--clock wall|cpu] [--dtype f32|bf16|i8]
//
// --clock cpu counts the process's own processor time, divided by the threads: on a busy machine, with one thread, the
// only figure that means something. The machine may be shared, so every figure comes from rounds of op and peak in
// turn: best and median of the op, best of the peak over the same time. Shares of attention and of a whole network in
// int8 are shares of the int8 peak, fp32 parts included.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "espalier.h"

namespace {

int32_t isa = ESP_ISA_PORTABLE;
int32_t threads = 2;
int rounds = 15;
bool cpu_time = false;
int32_t dtype = ESP_F32;
std::string only;
esp_backend* backend = nullptr;
std::mt19937 engine(1);

void must(esp_status status) {
  if (status == ESP_OK) return;
  std::fprintf(stderr, "%s\n", esp_last_error());
  std::exit(1);
}

float* floats(int64_t count, float scale = 1.0f) {
  void* p = nullptr;
  must(esp_alloc(backend, count * static_cast<int64_t>(sizeof(float)), &p));
  float* f = static_cast<float*>(p);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  for (int64_t i = 0; i < count; ++i) f[i] = uniform(engine);
  return f;
}

esp_weight* weight(int32_t n, int32_t k) {
  esp_weight* w = nullptr;
  must(esp_weight_create(backend, n, k, dtype, &w));
  float* values = floats(int64_t{n} * k, 0.05f);
  if (dtype != ESP_I8) {
    must(esp_weight_set_rows(w, 0, n, values));
  } else {
    std::vector<int8_t> codes(static_cast<size_t>(n) * static_cast<size_t>(k));
    std::vector<float> scales(static_cast<size_t>(n));
    must(esp_quantize(backend, values, k, n, k, 1, codes.data(), scales.data()));
    must(esp_weight_set_codes(w, 0, n, codes.data(), scales.data(), nullptr));
  }
  esp_free(backend, values);
  return w;
}

double now() {
  if (cpu_time) {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9) / threads;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds_of(const std::function<void()>& body) {
  const double start = now();
  body();
  return now() - start;
}

struct Timing {
  double best, median, p99, peak;
};

Timing measure(const std::function<void()>& op) {
  op();
  const double once = std::max(1e-7, std::min(seconds_of(op), seconds_of(op)));
  const int repeat = static_cast<int>(std::max(1.0, 0.015 / once));
  std::vector<double> each;
  double peak = 0.0;
  for (int r = 0; r < rounds; ++r) {
    double gflops = 0.0;
    must(dtype != ESP_I8 ? esp_measure_peak_f32(isa, threads, 3, &gflops)
                         : esp_measure_peak_i8(isa, threads, 3, &gflops));
    peak = std::max(peak, gflops);
    op();
    each.push_back(seconds_of([&] {
                     for (int i = 0; i < repeat; ++i) op();
                   }) /
                   repeat);
  }
  std::sort(each.begin(), each.end());
  return {each.front(), each[each.size() / 2], each[each.size() * 99 / 100], peak};
}

void report(const char* what, double flops, const Timing& t) {
  const double best = flops / t.best * 1e-9;
  const double median = flops / t.median * 1e-9;
  std::printf("%-34s %9.1f us  best %6.1f Gop/s %5.1f %%   median %6.1f Gop/s %5.1f %%   peak %6.1f\n", what,
              t.median * 1e6, best, 100 * best / t.peak, median, 100 * median / t.peak, t.peak);
  std::fflush(stdout);
}

bool wanted(const char* name) { return only.empty() || only == name; }

void linears() {
  const int shapes[][2] = {{384, 1152}, {384, 384},  {384, 1536}, {1536, 384},
                           {768, 768},  {768, 2304}, {768, 3072}, {3072, 768}};
  for (const auto& shape : shapes) {
    const int32_t k = shape[0];
    const int32_t n = shape[1];
    esp_weight* w = weight(n, k);
    for (const int64_t rows : {1, 8, 16, 64, 256, 512, 2048, 8192}) {
      float* x = floats(rows * k);
      float* y = floats(rows * n);
      const Timing t = measure([&] { must(esp_linear(backend, x, k, rows, w, y, n)); });
      char name[80];
      std::snprintf(name, sizeof name, "linear %4d->%-4d rows %5ld", k, n, static_cast<long>(rows));
      report(name, 2.0 * static_cast<double>(rows) * n * k, t);
      esp_free(backend, x);
      esp_free(backend, y);
    }
    esp_weight_destroy(w);
  }
}

// Many rows and all pairs of widths that BERT encoders have. An instruction set with tiles is set beside the peak of
// the vectors' dot products as well, measured in turn with it.
void gemms() {
  const bool tiles = dtype == ESP_I8 && isa == ESP_ISA_AMX;
  for (const int32_t k : {384, 768, 1536, 3072}) {
    for (const int32_t n : {384, 768, 1536, 3072}) {
      esp_weight* w = weight(n, k);
      for (const int64_t rows : {256, 1024}) {
        float* x = floats(rows * k);
        float* y = floats(rows * n);
        const Timing t = measure([&] { must(esp_linear(backend, x, k, rows, w, y, n)); });
        char name[80];
        std::snprintf(name, sizeof name, "gemm %4d->%-4d rows %5ld", k, n, static_cast<long>(rows));
        const double flops = 2.0 * static_cast<double>(rows) * n * k;
        report(name, flops, t);
        double vectors = 0.0;
        if (tiles) must(esp_measure_peak_i8(ESP_ISA_AVX512_VNNI, threads, 10, &vectors));
        if (tiles) std::printf("  median %.0f %% of avx512-vnni's peak\n", 100 * flops / t.median * 1e-9 / vectors);
        esp_free(backend, x);
        esp_free(backend, y);
      }
      esp_weight_destroy(w);
    }
  }
}

void feed_forwards() {
  esp_weight* in = weight(1536, 384);
  esp_weight* out = weight(384, 1536);
  for (const int64_t rows : {1, 8, 16, 64, 128, 512, 2048, 8192}) {
    float* x = floats(rows * 384);
    float* y = floats(rows * 384);
    const Timing t = measure([&] { must(esp_feed_forward(backend, x, 384, rows, in, ESP_GELU, out, y, 384)); });
    char name[80];
    std::snprintf(name, sizeof name, "feed_forward 384-1536 rows %5ld", static_cast<long>(rows));
    report(name, 4.0 * static_cast<double>(rows) * 384 * 1536, t);
    esp_free(backend, x);
    esp_free(backend, y);
  }
  esp_weight_destroy(in);
  esp_weight_destroy(out);
}

esp_heads* heads() {
  const std::vector<int32_t> index{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const std::vector<int32_t> width(12, 32);
  const std::vector<float> scale(12, 0.17677669f);
  esp_heads* h = nullptr;
  must(esp_heads_create(backend, 12, index.data(), width.data(), width.data(), scale.data(), &h));
  if (dtype != ESP_F32) esp_heads_set_products(h, ESP_BF16_PRODUCTS);  // refused where there are none
  return h;
}

void attentions() {
  esp_heads* h = heads();
  for (const int32_t length : {5, 16, 64, 128, 250, 512}) {
    const int32_t sequences = 4096 / length;
    std::vector<int32_t> offsets;
    for (int32_t b = 0; b <= sequences; ++b) offsets.push_back(b * length);
    float* qkv = floats(int64_t{4096} * 1152);
    float* y = floats(int64_t{4096} * 384);
    const Timing t = measure([&] {
      must(
          esp_attention(backend, qkv, 1152, offsets.back(), sequences, offsets.data(), nullptr, h, nullptr, 0, y, 384));
    });
    char name[80];
    std::snprintf(name, sizeof name, "attention length %4d x %4d", length, sequences);
    report(name, 4.0 * length * length * 384.0 * sequences, t);
    esp_free(backend, qkv);
    esp_free(backend, y);
  }
  esp_heads_destroy(h);
}

// MiniLM's shape: 6 layers, 384 wide, 1536 in between, 12 heads of 32.
struct Network {
  struct Layer {
    esp_weight *qkv, *attention_output, *in, *out;
  };
  std::vector<Layer> layers;
  esp_heads* head_list = heads();
  float *x, *qkv, *context, *a, *f, *pooled, *gamma, *beta, *word;
  std::vector<int32_t> ids, zeros;

  explicit Network(int64_t tokens) {
    for (int i = 0; i < 6; ++i)
      layers.push_back({weight(1152, 384), weight(384, 384), weight(1536, 384), weight(384, 1536)});
    x = floats(tokens * 384);
    qkv = floats(tokens * 1152);
    context = floats(tokens * 384);
    a = floats(tokens * 384);
    f = floats(tokens * 384);
    pooled = floats(tokens * 384);
    gamma = floats(384);
    beta = floats(384);
    word = floats(30522 * 384);
    ids.resize(static_cast<size_t>(tokens));
    for (int32_t& id : ids) id = static_cast<int32_t>(engine() % 30522);
    zeros.resize(static_cast<size_t>(tokens));
  }

  void run(const std::vector<int32_t>& offsets) {
    const int64_t sequences = static_cast<int64_t>(offsets.size()) - 1;
    const int64_t rows = offsets.back();
    must(esp_embed_layernorm(backend, ids.data(), zeros.data(), zeros.data(), rows, 384, word, ESP_F32, nullptr, 0,
                             word, word, gamma, beta, 1e-12f, x, 384));
    for (const Layer& w : layers) {
      must(esp_linear(backend, x, 384, rows, w.qkv, qkv, 1152));
      must(esp_attention(backend, qkv, 1152, offsets.back(), sequences, offsets.data(), nullptr, head_list, nullptr, 0,
                         context, 384));
      must(esp_linear(backend, context, 384, rows, w.attention_output, a, 384));
      must(esp_add_layernorm(backend, a, 384, x, 384, rows, 384, gamma, beta, 1e-12f, a, 384));
      must(esp_feed_forward(backend, a, 384, rows, w.in, ESP_GELU, w.out, f, 384));
      must(esp_add_layernorm(backend, f, 384, a, 384, rows, 384, gamma, beta, 1e-12f, x, 384));
    }
    must(esp_pool(backend, ESP_POOL_MEAN, 1, x, 384, 384, sequences, offsets.data(), pooled, 384));
  }
};

double network_flops(const std::vector<int32_t>& offsets) {
  double flops = 0.0;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const double length = offsets[b + 1] - offsets[b];
    flops += 6 * (2.0 * length * (384 * 1152 + 384 * 384 + 2 * 384 * 1536) + 4.0 * length * length * 384);
  }
  return flops;
}

void network() {
  for (const int32_t budget : {2048, 8192}) {
    Network net(budget + 250);
    std::vector<int32_t> offsets{0};
    while (offsets.back() < budget) offsets.push_back(offsets.back() + static_cast<int32_t>(5 + engine() % 246));
    const Timing t = measure([&] { net.run(offsets); });
    char name[80];
    std::snprintf(name, sizeof name, "network, %d tokens of 5..250", offsets.back());
    report(name, network_flops(offsets), t);
    std::printf("  %.0f tokens/s best, %.0f median\n", offsets.back() / t.best, offsets.back() / t.median);
  }
}

void latency() {
  Network net(512);
  for (const int32_t length : {5, 10, 14, 20, 64, 128}) {
    const std::vector<int32_t> offsets{0, length};
    std::vector<double> each;
    for (int i = 0; i < 50; ++i) net.run(offsets);
    for (int i = 0; i < 60 * rounds; ++i) each.push_back(seconds_of([&] { net.run(offsets); }));
    std::sort(each.begin(), each.end());
    const double p50 = each[each.size() / 2];
    std::printf(
        "latency of %3d tokens: best %7.1f us  p50 %7.1f us  p99 %7.1f us   %.1f GB/s of weights, %.1f GFLOP/s\n",
        length, each.front() * 1e6, p50 * 1e6, each[each.size() * 99 / 100] * 1e6, 42.5e6 / p50 * 1e-9,
        network_flops(offsets) / p50 * 1e-9);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int32_t i = 0; i < ESP_ISA_COUNT; ++i) {
    if (esp_isa_available(i) != 0) isa = i;
  }
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--threads") threads = std::atoi(argv[i + 1]);
    if (option == "--rounds") rounds = std::atoi(argv[i + 1]);
    if (option == "--clock") cpu_time = std::string(argv[i + 1]) == "cpu";
    if (option == "--only") only = argv[i + 1];
    if (option == "--dtype") {
      const std::string name = argv[i + 1];
      dtype = name == "i8" ? ESP_I8 : name == "bf16" ? ESP_BF16_PRODUCTS : ESP_F32;
    }
    if (option == "--isa") {
      isa = 0;
      while (isa < ESP_ISA_COUNT && std::strcmp(esp_isa_name(isa), argv[i + 1]) != 0) ++isa;
    }
  }
  must(esp_backend_create(isa, threads, &backend));
  std::printf("%s, %d threads, %s\n", esp_isa_name(isa), threads,
              dtype == ESP_F32  ? "f32"
              : dtype == ESP_I8 ? "int8"
                                : "bf16 (of the peak of f32)");
  if (wanted("linear")) linears();
  if (wanted("gemm")) gemms();
  if (wanted("feed_forward")) feed_forwards();
  if (wanted("attention")) attentions();
  if (wanted("network")) network();
  if (wanted("latency")) latency();
  esp_backend_destroy(backend);
  return 0;
}
