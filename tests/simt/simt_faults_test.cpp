// What the CUDA backend does where something is missing or fails: the status and the text that it gives, nothing
// leaked, and a device that goes on working where it can.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "simt/emulator.h"
#include "table.h"

extern "C" const espalier::CudaTable* espalier_table(int32_t version, espalier::Fail fail);

namespace {

using namespace espalier;

std::string last_text;

esp_status keep_text(esp_status status, const char* text) {
  last_text = text;
  return status;
}

const CudaTable& table() {
  static const CudaTable& instance = *espalier_table(kTableVersion, keep_text);
  return instance;
}

void expect(esp_status actual, esp_status expected, const std::string& text) {
  if (actual == expected && last_text.find(text) != std::string::npos) return;
  check::fail(__FILE__, __LINE__,
              "expected status " + std::to_string(expected) + " and \"" + text + "\", got " + std::to_string(actual) +
                  " and \"" + last_text + "\"");
}

// Sets the device up for one test.
struct With {
  const simt::Options before = simt::options();
  explicit With(const std::function<void(simt::Options&)>& change) { change(simt::options()); }
  ~With() { simt::options() = before; }
};

esp_status create(int32_t device, esp_backend** out) { return table().backend_create("", device, ESP_F16, out); }

void test_missing() {
  esp_backend* b = nullptr;
  int32_t count = 0, driver = 0, runtime = 0;
  {
    check::context = "no driver";
    const With with([](simt::Options& o) { o.driver = 0; });
    expect(create(0, &b), ESP_NO_DRIVER, "no NVIDIA driver (libcuda.so.1) here: install");
    expect(table().inventory("", &count, &driver, &runtime), ESP_NO_DRIVER, "install");
    CHECK(driver == 0 && runtime == 13000);
  }
  {
    check::context = "an old driver";
    const With with([](simt::Options& o) { o.driver = 12040; });
    expect(create(0, &b), ESP_OLD_DRIVER, "knows CUDA 12.4, this build needs CUDA 13.0: install driver 580 or newer");
    expect(table().inventory("", &count, &driver, &runtime), ESP_OLD_DRIVER, "12.4");
    CHECK(driver == 12040 && runtime == 13000);
  }
  {
    check::context = "no device";
    const With with([](simt::Options& o) { o.devices = 0; });
    expect(create(0, &b), ESP_NO_DEVICE, "CUDA_VISIBLE_DEVICES");
  }
  {
    check::context = "a device that is not there";
    expect(create(1, &b), ESP_NO_DEVICE, "no CUDA device 1: devices are 0 to 0");
  }
  {
    check::context = "an old device";
    const With with([](simt::Options& o) { o.capability = 75; });
    expect(create(0, &b), ESP_OLD_DEVICE, "compute capability 7.5: 8.0 (Ampere) or newer is needed");
  }
  CHECK(b == nullptr);
}

constexpr int32_t kHidden = 40, kInner = 72, kRows = 6;

// A backend with a lane and two weights, made and used as a model does it. Stops at what fails first.
class Session {
 public:
  Session() {
    run([&] { return create(0, &backend_); });
    run([&] { return ops().lane_create(backend_, &lane_); });
    run([&] { return ops().lane_reserve(lane_, kRows, kRows * 80, kRows * 80); });
    weight(kInner, kHidden, &in_);
    weight(kHidden, kInner, &out_);
    run([&] { return ops().alloc(backend_, kRows * 48 * 2, &x_); });
    run([&] { return ops().host_alloc(backend_, kRows * kHidden * 4, &host_); });
  }
  ~Session() {
    if (host_ != nullptr) ops().host_free(backend_, host_);
    if (x_ != nullptr) ops().free(backend_, x_);
    if (in_ != nullptr) ops().weight_destroy(in_);
    if (out_ != nullptr) ops().weight_destroy(out_);
    if (lane_ != nullptr) ops().backend_destroy(lane_);
    if (backend_ != nullptr) ops().backend_destroy(backend_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A feed-forward on ones; the first value of its result.
  float forward() {
    float* values = static_cast<float*>(host_);
    run([&] {
      std::fill(values, values + kRows * kHidden, 1.0f);
      return ops().write_matrix(lane_, values, kRows, kHidden, x_, 48);
    });
    compute();
    run([&] { return ops().read_matrix(lane_, x_, 48, kRows, kHidden, values); });
    return status == ESP_OK ? values[0] : -1.0f;
  }
  void compute() {
    run([&] { return ops().feed_forward(lane_, x_, 48, kRows, in_, ESP_RELU, out_, x_, 48); });
  }

  esp_status status = ESP_OK;

 private:
  static const Table& ops() { return table().ops; }

  void run(const std::function<esp_status()>& call) {
    if (status == ESP_OK) status = call();
  }
  void weight(int32_t n, int32_t k, esp_weight** out) {
    run([&] { return ops().weight_create(backend_, n, k, ESP_I8, out); });
    const std::vector<int8_t> codes(static_cast<size_t>(n * k), 1);
    const std::vector<float> scales(static_cast<size_t>(n), 0.125f);
    const std::vector<int32_t> zero_points(static_cast<size_t>(n), 0);
    run([&] { return ops().weight_set_codes(*out, 0, n, codes.data(), scales.data(), zero_points.data()); });
  }

  esp_backend *backend_ = nullptr, *lane_ = nullptr;
  esp_weight *in_ = nullptr, *out_ = nullptr;
  void *x_ = nullptr, *host_ = nullptr;
};

void expect_nothing_left() {
  CHECK(simt::device_memory_used() == 0);
  CHECK(simt::pinned_memory_used() == 0);
}

// Whichever allocation fails, the status says so, nothing is left behind, and the device goes on.
void test_out_of_memory() {
  uint64_t nth = 1;
  for (;; ++nth) {
    check::context = "allocation " + std::to_string(nth);
    simt::options().fail_allocation = nth;
    bool met = false;
    {
      Session session;
      session.forward();
      met = simt::options().fail_allocation == 0;
      simt::options().fail_allocation = 0;
      if (met) expect(session.status, ESP_OUT_OF_MEMORY, "memory: ");
    }
    expect_nothing_left();
    if (!met) break;
    Session after;
    CHECK(after.forward() == kHidden * kInner / 64.0f && after.status == ESP_OK);
  }
  std::printf("%llu allocations failed, one by one\n", static_cast<unsigned long long>(nth - 1));
  CHECK(nth > 12);

  check::context = "a reserved lane";
  Session session;
  const float expected = session.forward();
  simt::options().fail_allocation = 1;
  CHECK(session.forward() == expected && session.status == ESP_OK);
  CHECK(simt::options().fail_allocation == 1);
  simt::options().fail_allocation = 0;
}

// Without a first pass: what lane_reserve took is enough for the ops.
void test_reserved() {
  check::context = "ops on a fresh lane";
  Session session;
  simt::options().fail_allocation = 1;
  session.compute();
  CHECK(session.status == ESP_OK && simt::options().fail_allocation == 1);
  simt::options().fail_allocation = 0;
}

// From the kernel on that fails, every call says that the device is lost, and freeing what was there does no harm.
void test_lost() {
  for (uint64_t nth = 1; nth <= 6; ++nth) {
    check::context = "kernel " + std::to_string(nth);
    {
      Session session;
      simt::options().lose_device = nth;
      session.forward();
      expect(session.status, ESP_DEVICE_LOST,
             "uncorrectable ECC error encountered (cudaErrorECCUncorrectable); the device is lost to this process");
      Session other;
      CHECK(other.status == ESP_DEVICE_LOST);
    }
    simt::options().lose_device = 0;
    simt::reset();
    expect_nothing_left();
  }
  Session after;
  after.forward();
  CHECK(after.status == ESP_OK);
}

}  // namespace

int run_tests() {
  simt::options().seed = check::seed();
  test_missing();
  test_reserved();
  test_out_of_memory();
  test_lost();
  expect_nothing_left();
  return check::finish();
}
