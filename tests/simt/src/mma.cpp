// mma.sync and ldmatrix. Products are exact; a floating-point sum of one instruction is formed in double and rounded
// once (a card's tensor cores truncate theirs, in an order that is not documented).
#include <cstring>

#include "block.h"
#include "counters.h"
#include "shadow.h"
#include "simt/ptx.h"

namespace simt {
namespace {

constexpr unsigned kWarp = 0xffffffffu;

template <typename D>
struct Fragments {
  D* d;
  const uint32_t* a;
  const uint32_t* b;
};

float half_at(uint32_t word, int i) { return half_to_float(static_cast<uint16_t>(word >> (16 * i))); }
float bfloat16_at(uint32_t word, int i) { return bfloat16_to_float(static_cast<uint16_t>(word >> (16 * i))); }
float tf32_at(uint32_t word, int) { return __uint_as_float(word & 0xffffe000u); }
int32_t s8_at(uint32_t word, int i) { return static_cast<int8_t>(word >> (8 * i)); }

// The fragments' layout is the same for all types: a register holds kPack neighbours along k, and the registers of a
// lane are 4 * kPack apart there.
template <int kK, int kPack, typename D, typename E, E (*element)(uint32_t, int)>
void multiply(void* const* payloads, unsigned) {
  constexpr int kHalf = 4 * kPack;
  static_assert(kK == 2 * kHalf, "two registers along k");
  E a[16][kK], b[8][kK];
  for (int lane = 0; lane < 32; ++lane) {
    const Fragments<D>& f = *static_cast<const Fragments<D>*>(payloads[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < kPack; ++i) {
      a[g][t * kPack + i] = element(f.a[0], i);
      a[g + 8][t * kPack + i] = element(f.a[1], i);
      a[g][t * kPack + i + kHalf] = element(f.a[2], i);
      a[g + 8][t * kPack + i + kHalf] = element(f.a[3], i);
      b[g][t * kPack + i] = element(f.b[0], i);
      b[g][t * kPack + i + kHalf] = element(f.b[1], i);
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    const Fragments<D>& f = *static_cast<const Fragments<D>*>(payloads[lane]);
    for (int i = 0; i < 4; ++i) {
      const E* row = a[lane / 4 + (i / 2) * 8];
      const E* column = b[lane % 4 * 2 + i % 2];
      if constexpr (std::is_same_v<D, int32_t>) {
        int32_t sum = 0;
        for (int k = 0; k < kK; ++k) sum += row[k] * column[k];
        f.d[i] = static_cast<int32_t>(static_cast<uint32_t>(f.d[i]) + static_cast<uint32_t>(sum));
      } else {
        double sum = 0;
        for (int k = 0; k < kK; ++k) sum += static_cast<double>(row[k]) * static_cast<double>(column[k]);
        f.d[i] = static_cast<float>(static_cast<double>(f.d[i]) + sum);
      }
    }
  }
  ++current_counters().matrix_products;
}

struct MatrixLoad {
  uint32_t* r;
  const void* row;
  int count;
  bool transpose;
};

void load(void* const* payloads, unsigned) {
  const MatrixLoad& any = *static_cast<const MatrixLoad*>(payloads[0]);
  const void* rows[32];
  for (int i = 0; i < 8 * any.count; ++i) rows[i] = static_cast<const MatrixLoad*>(payloads[i])->row;
  for (int m = 0; m < any.count; ++m) {
    uint16_t matrix[8][8];
    for (int j = 0; j < 8; ++j) std::memcpy(matrix[j], rows[8 * m + j], 16);
    for (int lane = 0; lane < 32; ++lane) {
      const int g = lane / 4, t = lane % 4;
      const uint16_t low = any.transpose ? matrix[2 * t][g] : matrix[g][2 * t];
      const uint16_t high = any.transpose ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
      static_cast<const MatrixLoad*>(payloads[lane])->r[m] = static_cast<uint32_t>(high) << 16 | low;
    }
  }
  count_matrix_load(rows, any.count);
}

}  // namespace

void mma_m16n8k16_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  Fragments<float> mine{d, a, b};
  meet("mma_m16n8k16_f16", kWarp, site, &mine, multiply<16, 2, float, float, half_at>);
}
void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  Fragments<float> mine{d, a, b};
  meet("mma_m16n8k16_bf16", kWarp, site, &mine, multiply<16, 2, float, float, bfloat16_at>);
}
void mma_m16n8k32_s8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  Fragments<int32_t> mine{d, a, b};
  meet("mma_m16n8k32_s8", kWarp, site, &mine, multiply<32, 4, int32_t, int32_t, s8_at>);
}
void mma_m16n8k8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  Fragments<float> mine{d, a, b};
  meet("mma_m16n8k8_tf32", kWarp, site, &mine, multiply<8, 1, float, float, tf32_at>);
}

uint32_t to_tf32(float x) {
  const uint32_t bits = __float_as_uint(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return (bits & 0x7fffffu) != 0 ? 0x7fffffffu : bits;
  return (bits + 0x1000u) & 0xffffe000u;
}

void load_matrices(uint32_t* r, int count, bool transpose, const void* row, Site site) {
  const Where where = where_of(site);
  if (self->lane() < 8 * count) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      block->failure = name_of(*self) + " gives ldmatrix an address that is not a multiple of 16 at " + name_of(where);
      block->stop();
    }
    check_shared(row, 16, Access::kRead, where);
  }
  MatrixLoad mine{r, row, count, transpose};
  meet(transpose ? "ldmatrix_trans" : "ldmatrix", kWarp, site, &mine, load);
}

}  // namespace simt
