// The library around the kernels: errors, memory, instruction sets, many callers at once, thousands of backends.
#include <thread>

#include "fixture.h"

namespace {

void errors() {
  check::context = "errors";
  CHECK(esp_abi_version() == ESP_ABI_VERSION);
  CHECK(std::string(esp_isa_name(-1)).empty() && std::string(esp_isa_name(99)).empty());
  CHECK(esp_isa_available(ESP_ISA_PORTABLE) == 1 && esp_isa_available(99) == 0 && esp_isa_available(-1) == 0);
  esp_backend* backend = nullptr;
  CHECK(esp_backend_create(99, 1, &backend) == ESP_UNSUPPORTED && backend == nullptr);
  CHECK(std::string(esp_last_error()).find("99") != std::string::npos);
  CHECK(esp_backend_create(0, 0, &backend) == ESP_INVALID_ARGUMENT);
  std::thread([] { CHECK(std::string(esp_last_error()).empty()); }).join();
  esp_backend_destroy(nullptr);
  esp_weight_destroy(nullptr);
  esp_heads_destroy(nullptr);
  esp_free(nullptr, nullptr);
}

void memory() {
  check::context = "memory";
  const Backend backend = make_backend(0, 1);
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{100}, int64_t{1} << 20, (int64_t{2} << 20) - 64,
                              int64_t{2} << 20, (int64_t{5} << 20) + 12345}) {
    void* p = nullptr;
    CHECK_OK(esp_alloc(backend.get(), bytes, &p));
    CHECK(reinterpret_cast<uintptr_t>(p) % 64 == 0);
    char* c = static_cast<char*>(p);
    bool zero = true;
    for (int64_t i = 0; i < bytes; ++i) zero = zero && c[i] == 0;
    CHECK(zero);
    std::memset(p, 1, static_cast<size_t>(bytes));
    esp_free(backend.get(), p);
  }
  void* p = nullptr;
  CHECK(esp_alloc(backend.get(), int64_t{1} << 60, &p) == ESP_OUT_OF_MEMORY);
  CHECK(std::string(esp_last_error()).find(std::to_string(int64_t{1} << 60)) != std::string::npos);
}

void peak() {
  for_each_isa([](int32_t isa) {
    double gflops = 0.0;
    CHECK_OK(esp_measure_peak_f32(isa, 1, 5, &gflops));
    CHECK(gflops > 0.1 && gflops < 10000.0);
    std::printf("%s: %.1f GFLOP/s on one core\n", esp_isa_name(isa), gflops);
  });
}

// Several callers share one backend; each must get what it would get alone.
void many_callers(int32_t isa, int32_t threads, int32_t callers) {
  check::context = std::string(esp_isa_name(isa)) + " threads " + std::to_string(threads) + " callers " +
                   std::to_string(callers) + " seed " + std::to_string(check::seed());
  const Backend backend = make_backend(isa, threads);
  const Linear in(backend.get(), 96, 48);
  const Linear out(backend.get(), 48, 96);
  const Matrix x = Matrix(70, 48).randomize();
  Matrix expected(70, 48);
  CHECK_OK(esp_feed_forward(backend.get(), x.data.data(), 48, 70, in.packed.get(), ESP_GELU, out.packed.get(),
                            expected.data.data(), 48));
  std::vector<std::thread> list;
  std::vector<int> wrong(static_cast<size_t>(callers));
  for (int32_t i = 0; i < callers; ++i) {
    list.emplace_back([&, i] {
      for (int n = 0; n < 60; ++n) {
        const int64_t rows = 1 + (n * 7 + i * 13) % 70;
        Matrix y(rows, 48);
        const esp_status status = esp_feed_forward(backend.get(), x.data.data(), 48, rows, in.packed.get(), ESP_GELU,
                                                   out.packed.get(), y.data.data(), 48);
        if (status != ESP_OK || !same_bits(y.data.data(), expected.data.data(), rows * 48)) {
          ++wrong[static_cast<size_t>(i)];
        }
      }
    });
  }
  for (std::thread& t : list) t.join();
  for (const int w : wrong) CHECK(w == 0);
}

void create_and_destroy() {
  check::context = "create and destroy";
  std::vector<float> x(64, 1.0f);
  for (int i = 0; i < 300; ++i) {
    const Backend backend = make_backend(0, 1 + i % 4);
    if (i % 3 == 0) {
      CHECK_OK(esp_activation(backend.get(), ESP_RELU, x.data(), 1, 64, 1, x.data(), 1));
    }
  }
}

}  // namespace

int main() {
  errors();
  memory();
  peak();
  for_each_isa([](int32_t isa) {
    for (const int32_t threads : {1, 2, 3, 4}) many_callers(isa, threads, 1 + threads % 3 * 3);
  });
  create_and_destroy();
  return check::finish();
}
