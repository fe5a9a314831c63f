// wgmma: products of a warpgroup, read from shared memory by descriptors, beside the threads.
#include <array>
#include <cstring>
#include <deque>

#include "block.h"
#include "counters.h"
#include "shadow.h"
#include "simt/ptx_sm90.h"

namespace simt {

namespace {

constexpr int kThreads = 128;

// The accumulators of all threads while products are under way. The threads' own hold garbage until then.
struct Sums {
  std::array<char*, kThreads> d;
  std::vector<std::vector<uint32_t>> values;
  int users = 0;
};

struct Product {
  Element element;
  int n;
  uint64_t a, b;
  bool accumulate, done;
  std::shared_ptr<Sums> sums;
  Where where;
};

// Rows of 32 bytes along k in a swizzled tile.
class Operand {
 public:
  explicit Operand(uint64_t descriptor)
      : start_(static_cast<uint32_t>(descriptor & 0x3fffu) << 4),
        stride_(static_cast<uint32_t>(descriptor >> 32 & 0x3fffu) << 4),
        width_(256u >> (descriptor >> 62)) {}
  bool valid() const { return width_ <= 128; }
  const char* chunk(uint32_t row, uint32_t half) const {
    const uint32_t linear = start_ + row / 8 * stride_ + row % 8 * width_ + half * 16;
    return shared_at(linear ^ ((linear >> 7 & (width_ / 16 - 1)) << 4));
  }
  void read(int row, uint8_t* bytes) const {
    for (uint32_t half = 0; half < 2; ++half)
      std::memcpy(bytes + half * 16, chunk(static_cast<uint32_t>(row), half), 16);
  }

 private:
  uint32_t start_, stride_, width_;
};

template <typename Body>
void for_chunks(const Product& p, const Body& body) {
  const Operand a(p.a), b(p.b);
  for (uint32_t row = 0; row < 64; ++row) body(a.chunk(row, 0)), body(a.chunk(row, 1));
  for (uint32_t row = 0; row < static_cast<uint32_t>(p.n); ++row) body(b.chunk(row, 0)), body(b.chunk(row, 1));
}

double value_of(Element element, const uint8_t* bytes, int i) {
  if (element == Element::kS8) return static_cast<int8_t>(bytes[i]);
  uint16_t bits;
  std::memcpy(&bits, bytes + 2 * i, 2);
  return static_cast<double>(element == Element::kF16 ? half_to_float(bits) : bfloat16_to_float(bits));
}

// Sums of products of integers are exact in double too.
void compute(Product& p) {
  if (p.done) return;
  p.done = true;
  const int k = p.element == Element::kS8 ? 32 : 16;
  std::vector<double> a(64 * 32), b(static_cast<size_t>(p.n) * 32);
  const auto load = [&](uint64_t descriptor, int rows, std::vector<double>& values) {
    uint8_t bytes[32];
    for (int row = 0; row < rows; ++row) {
      Operand(descriptor).read(row, bytes);
      for (int i = 0; i < k; ++i) values[static_cast<size_t>(row * 32 + i)] = value_of(p.element, bytes, i);
    }
  };
  load(p.a, 64, a);
  load(p.b, p.n, b);
  for (int thread = 0; thread < kThreads; ++thread) {
    const int lane = thread % 32;
    for (int i = 0; i < p.n / 2; ++i) {
      const int row = thread / 32 * 16 + lane / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      double sum = 0;
      for (int j = 0; j < k; ++j) sum += a[static_cast<size_t>(row * 32 + j)] * b[static_cast<size_t>(column * 32 + j)];
      uint32_t& bits = p.sums->values[static_cast<size_t>(thread)][static_cast<size_t>(i)];
      if (p.element == Element::kS8) {
        bits = (p.accumulate ? bits : 0) + static_cast<uint32_t>(static_cast<int32_t>(sum));
      } else {
        const double before = p.accumulate ? static_cast<double>(__uint_as_float(bits)) : 0.0;
        bits = __float_as_uint(static_cast<float>(before + sum));
      }
    }
  }
}

struct Call128 {
  Lane* lane;
  char* d;
};

}  // namespace

struct Warpgroup {
  // A collective of the warpgroup that is coming together.
  const char* kind = nullptr;
  Site site{"", 0};
  std::array<Call128, kThreads> calls;
  int arrived = 0;

  std::vector<Product> open;
  std::deque<std::vector<Product>> closed;
};

namespace {

Warpgroup& group() {
  const size_t number = self->number / kThreads;
  if (block->warpgroups.size() <= number) block->warpgroups.resize(number + 1);
  if (block->warpgroups[number] == nullptr) block->warpgroups[number] = std::make_shared<Warpgroup>();
  return *block->warpgroups[number];
}

// Brings the warpgroup together; the last thread performs.
template <typename Perform>
void meet_group(const char* kind, Site site, void* d, const Perform& perform) {
  Warpgroup& g = group();
  const int first = self->number / kThreads * kThreads;
  if (first + kThreads > block->threads) {
    block->failure =
        name_of(*self) + " calls " + kind + " at " + name_of(site) + ": its warpgroup has fewer than 128 threads";
    block->stop();
  }
  if (g.arrived == 0) {
    g.kind = kind;
    g.site = site;
  } else if (g.kind != kind || g.site.line != site.line) {
    block->failure = name_of(*self) + " calls " + kind + " at " + name_of(site) +
                     " while others of its warpgroup are in " + g.kind + " at " + name_of(g.site);
    block->stop();
  }
  g.calls[static_cast<size_t>(self->number - first)] = Call128{self, static_cast<char*>(d)};
  if (++g.arrived < kThreads) {
    block->suspend(kind, site);
    return;
  }
  g.arrived = 0;
  perform(g);
  for (const Call128& call : g.calls) {
    if (call.lane != self) block->wake(*call.lane);
  }
}

uint16_t party() { return static_cast<uint16_t>(kWgmma + self->number / kThreads); }

std::shared_ptr<Sums> sums_of(const Warpgroup& g, int n) {
  for (const Product& p : g.open) {
    if (p.sums->d[0] == g.calls[0].d) return p.sums;
  }
  for (const std::vector<Product>& products : g.closed) {
    for (const Product& p : products) {
      if (p.sums->d[0] == g.calls[0].d) return p.sums;
    }
  }
  const auto sums = std::make_shared<Sums>();
  for (size_t i = 0; i < kThreads; ++i) {
    sums->d[i] = g.calls[i].d;
    sums->values.emplace_back(static_cast<size_t>(n / 2));
    std::memcpy(sums->values.back().data(), g.calls[i].d, static_cast<size_t>(n) * 2);
    std::memset(g.calls[i].d, 0xff, static_cast<size_t>(n) * 2);
  }
  return sums;
}

}  // namespace

void wgmma(Element element, void* d, int n, uint64_t a, uint64_t b, int accumulate, Site site) {
  const Where where = where_of(site);
  meet_group("wgmma", site, d, [&](Warpgroup& g) {
    if (!Operand(a).valid() || !Operand(b).valid()) {
      block->failure = name_of(*self) + " gives wgmma a descriptor without a swizzle at " + name_of(site);
      block->stop();
    }
    Product p{element, n, a, b, accumulate != 0, false, sums_of(g, n), where};
    ++p.sums->users;
    for_chunks(p, [&](const char* chunk) { pend_read_shared(chunk, 16, party(), where); });
    // A product waits for those before it.
    if (early()) {
      for (std::vector<Product>& products : g.closed) {
        for (Product& before : products) compute(before);
      }
      for (Product& before : g.open) compute(before);
      compute(p);
    }
    g.open.push_back(p);
    ++current_counters().matrix_products;
  });
}

void wgmma_fence(Site) {}

void wgmma_commit(Site site) {
  meet_group("wgmma_commit", site, nullptr, [](Warpgroup& g) {
    g.closed.push_back(std::move(g.open));
    g.open.clear();
  });
}

void wgmma_wait_for(int pending, Site site) {
  meet_group("wgmma_wait", site, nullptr, [&](Warpgroup& g) {
    while (static_cast<int>(g.closed.size()) > pending) {
      for (Product& p : g.closed.front()) {
        compute(p);
        const uint32_t now = ++block->tick;
        for_chunks(p, [&](const char* chunk) { settle_read_shared(chunk, 16, party(), now); });
        for (const Call128& call : g.calls) call.lane->clock.learn(party(), now);
        if (--p.sums->users > 0) continue;
        for (size_t i = 0; i < kThreads; ++i) {
          std::memcpy(p.sums->d[i], p.sums->values[i].data(), p.sums->values[i].size() * 4);
        }
      }
      g.closed.pop_front();
    }
  });
}

}  // namespace simt
