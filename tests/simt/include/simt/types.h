// CUDA's built-in vector types and dim3, as C++.
#ifndef SIMT_TYPES_H
#define SIMT_TYPES_H

#include <cstddef>
#include <cstdint>

struct uint3 {
  unsigned int x, y, z;
};
struct dim3 {
  unsigned int x, y, z;
  constexpr dim3(unsigned int width = 1, unsigned int height = 1, unsigned int depth = 1)
      : x(width), y(height), z(depth) {}
};

// Copied as one value, so that the emulator sees one access of the vector's size, as the hardware does it, and not one
// for each member.
#define SIMT_VECTOR2(name, type)                                 \
  struct alignas(2 * sizeof(type)) name {                        \
    union {                                                      \
      struct {                                                   \
        type x, y;                                               \
      };                                                         \
      type whole __attribute__((vector_size(2 * sizeof(type)))); \
    };                                                           \
    name() = default;                                            \
    constexpr name(type a, type b) : x(a), y(b) {}               \
    name(const name& other) noexcept : whole(other.whole) {}     \
    name& operator=(const name& other) noexcept {                \
      whole = other.whole;                                       \
      return *this;                                              \
    }                                                            \
  };                                                             \
  inline name make_##name(type x, type y) { return name(x, y); }
#define SIMT_VECTOR4(name, type)                                               \
  struct alignas(4 * sizeof(type)) name {                                      \
    union {                                                                    \
      struct {                                                                 \
        type x, y, z, w;                                                       \
      };                                                                       \
      type whole __attribute__((vector_size(4 * sizeof(type))));               \
    };                                                                         \
    name() = default;                                                          \
    constexpr name(type a, type b, type c, type d) : x(a), y(b), z(c), w(d) {} \
    name(const name& other) noexcept : whole(other.whole) {}                   \
    name& operator=(const name& other) noexcept {                              \
      whole = other.whole;                                                     \
      return *this;                                                            \
    }                                                                          \
  };                                                                           \
  inline name make_##name(type x, type y, type z, type w) { return name(x, y, z, w); }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
SIMT_VECTOR2(char2, signed char)
SIMT_VECTOR4(char4, signed char)
SIMT_VECTOR2(uchar2, unsigned char)
SIMT_VECTOR4(uchar4, unsigned char)
SIMT_VECTOR2(short2, short)
SIMT_VECTOR4(short4, short)
SIMT_VECTOR2(ushort2, unsigned short)
SIMT_VECTOR4(ushort4, unsigned short)
SIMT_VECTOR2(int2, int)
SIMT_VECTOR4(int4, int)
SIMT_VECTOR2(uint2, unsigned int)
SIMT_VECTOR4(uint4, unsigned int)
SIMT_VECTOR2(float2, float)
SIMT_VECTOR4(float4, float)
SIMT_VECTOR2(longlong2, long long)
SIMT_VECTOR2(ulonglong2, unsigned long long)
SIMT_VECTOR2(double2, double)
#pragma GCC diagnostic pop
#undef SIMT_VECTOR2
#undef SIMT_VECTOR4

#endif
