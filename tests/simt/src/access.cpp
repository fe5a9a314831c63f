// Sees every access that kernels make. They are compiled with -fsanitize=thread, which turns each load and store of
// memory (registers and locals that stay in registers aside) into a call of the functions below; ThreadSanitizer itself
// is not linked. -fsanitize=bounds and its kin do the same for arrays of known length and undefined arithmetic.
#include "block.h"
#include "counters.h"
#include "memory.h"
#include "shadow.h"

namespace simt {
namespace {

const char* verb(Access access) {
  return access == Access::kRead ? " reads " : access == Access::kWrite ? " writes " : " updates ";
}

[[noreturn]] void fail_access(const void* address, size_t bytes, Access access, const char* problem, Where where) {
  block->failure = name_of(*self) + verb(access) + std::to_string(bytes) + " bytes " + describe(address) + problem +
                   " at " + name_of(where);
  block->stop();
}

// An access by compiled code: any kind of memory.
inline void access(const void* address, size_t bytes, Access access, bool aligned, const void* instruction) {
  if (!in_kernel()) return;
  if (on_own_stack(address)) return;
  const Where where = where_of(instruction);
  if (aligned && bytes > 1 && reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    fail_access(address, bytes, access, ", an address that is not a multiple of them,", where);
  }
  check_access(address, bytes, access, where);
}

}  // namespace

bool is_shared(const void* address) { return in_dynamic_shared(address) || in_static_shared(address); }

void check_shared(const void* address, size_t bytes, Access access, Where where) {
  if (!is_shared(address)) fail_access(address, bytes, access, ", which is not shared memory,", where);
  touch_shared(address, bytes, access, where);
}

void check_global(const void* address, size_t bytes, Access access, Where where) {
  if (!reachable(address, bytes)) fail_access(address, bytes, access, "", where);
}

void check_access(const void* address, size_t bytes, Access access, Where where) {
  if (in_dynamic_shared(address)) {
    log_access(address, bytes, Space::kShared, where);
    touch_shared(address, bytes, access, where);
    return;
  }
  if (in_arena(address)) {
    log_access(address, bytes, Space::kGlobal, where);
    check_global(address, bytes, access, where);
    return;
  }
  if (in_static_shared(address)) {
    log_access(address, bytes, Space::kShared, where);
    touch_shared(address, bytes, access, where);
    return;
  }
  const uintptr_t place = reinterpret_cast<uintptr_t>(address);
  const Module& module = current_module();
  if (access == Access::kRead && place >= module.begin && place + bytes <= module.end) return;  // a constant
  fail_access(address, bytes, access, on_any_stack(address) ? " (a local variable of another thread)" : "", where);
}

uint64_t atomic(void* address, size_t bytes, uint64_t (*update)(uint64_t, uint64_t, uint64_t), uint64_t a, uint64_t b) {
  const void* instruction = __builtin_return_address(0);
  access(address, bytes, Access::kAtomic, true, instruction);
  ++current_counters().atomics;
  // Whoever waits for another thread's update must come to see it.
  if ((block->random() & 3) == 0) block->yield();
  uint64_t old = 0;
  std::memcpy(&old, address, bytes);
  const uint64_t next = update(old, a, b);
  std::memcpy(address, &next, bytes);
  return old;
}

}  // namespace simt

#define SIMT_HOOK(name, bytes, kind, aligned)                                               \
  extern "C" void __tsan_##name(void* address) {                                            \
    simt::access(address, bytes, simt::Access::kind, aligned, __builtin_return_address(0)); \
  }
SIMT_HOOK(read1, 1, kRead, true)
SIMT_HOOK(read2, 2, kRead, true)
SIMT_HOOK(read4, 4, kRead, true)
SIMT_HOOK(read8, 8, kRead, true)
SIMT_HOOK(read16, 16, kRead, true)
SIMT_HOOK(write1, 1, kWrite, true)
SIMT_HOOK(write2, 2, kWrite, true)
SIMT_HOOK(write4, 4, kWrite, true)
SIMT_HOOK(write8, 8, kWrite, true)
SIMT_HOOK(write16, 16, kWrite, true)
SIMT_HOOK(unaligned_read2, 2, kRead, false)
SIMT_HOOK(unaligned_read4, 4, kRead, false)
SIMT_HOOK(unaligned_read8, 8, kRead, false)
SIMT_HOOK(unaligned_read16, 16, kRead, false)
SIMT_HOOK(unaligned_write2, 2, kWrite, false)
SIMT_HOOK(unaligned_write4, 4, kWrite, false)
SIMT_HOOK(unaligned_write8, 8, kWrite, false)
SIMT_HOOK(unaligned_write16, 16, kWrite, false)
#undef SIMT_HOOK

extern "C" {
void __tsan_read_range(void* address, size_t bytes) {
  simt::access(address, bytes, simt::Access::kRead, false, __builtin_return_address(0));
}
void __tsan_write_range(void* address, size_t bytes) {
  simt::access(address, bytes, simt::Access::kWrite, false, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

// Host code in the same files: std::shared_ptr, static variables of functions.
#define SIMT_HOST_ATOMIC(bits)                                                                             \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* p, int) {                       \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                           \
  }                                                                                                        \
  void __tsan_atomic##bits##_store(volatile uint##bits##_t* p, uint##bits##_t v, int) {                    \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                              \
  }                                                                                                        \
  uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t* p, uint##bits##_t v, int) {       \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                        \
  uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile uint##bits##_t* p, uint##bits##_t v, int) {      \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                                        \
  uint##bits##_t __tsan_atomic##bits##_fetch_sub(volatile uint##bits##_t* p, uint##bits##_t v, int) {      \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                                        \
  bool __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t* p, uint##bits##_t* expected, \
                                                     uint##bits##_t v, int, int) {                         \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
  }
SIMT_HOST_ATOMIC(8)
SIMT_HOST_ATOMIC(16)
SIMT_HOST_ATOMIC(32)
SIMT_HOST_ATOMIC(64)
#undef SIMT_HOST_ATOMIC

// What UndefinedBehaviorSanitizer calls; its data begins with the place in the source.
struct UbsanPlace {
  const char* file;
  uint32_t line, column;
};
}

namespace {
void undefined(const UbsanPlace* place, const char* what) {
  if (!simt::in_kernel()) return;
  simt::block->failure = simt::name_of(*simt::self) + ": " + what + " at " +
                         simt::name_of(simt::Site{place->file, static_cast<int>(place->line)});
  simt::block->stop();
}
}  // namespace

#define SIMT_UNDEFINED(name, what, ...) \
  extern "C" void __ubsan_handle_##name(UbsanPlace* place, ##__VA_ARGS__) { undefined(place, what); }
SIMT_UNDEFINED(out_of_bounds, "an index outside its array", void*)
SIMT_UNDEFINED(shift_out_of_bounds, "a shift by more than the width", void*, void*)
SIMT_UNDEFINED(divrem_overflow, "a division by zero or with overflow", void*, void*)
SIMT_UNDEFINED(add_overflow, "an addition with overflow", void*, void*)
SIMT_UNDEFINED(sub_overflow, "a subtraction with overflow", void*, void*)
SIMT_UNDEFINED(mul_overflow, "a multiplication with overflow", void*, void*)
SIMT_UNDEFINED(negate_overflow, "a negation with overflow", void*)
#undef SIMT_UNDEFINED
