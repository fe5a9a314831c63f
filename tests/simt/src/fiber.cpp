#include "fiber.h"

#include <cstdint>

// AddressSanitizer has to know on which stack the program is. Absent without it.
extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** save, const void* bottom, size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* save, const void** bottom, size_t* size);
}

namespace simt {
namespace {

// The scheduler's stack, as AddressSanitizer told it when it was left.
const void* scheduler_bottom = nullptr;
size_t scheduler_size = 0;

}  // namespace

#if defined(__x86_64__)

// Pushes what a callee keeps, exchanges the stacks, pops: simt_change_stack(void** save, void* load).
extern "C" void simt_change_stack(void** save, void* load);
asm(R"(
  .text
  .globl simt_change_stack
  .hidden simt_change_stack
  .type simt_change_stack, @function
simt_change_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size simt_change_stack, .-simt_change_stack
  .globl simt_begin_fiber
  .hidden simt_begin_fiber
  .type simt_begin_fiber, @function
simt_begin_fiber:
  movq %r12, %rdi
  callq *%r13
  ud2
  .size simt_begin_fiber, .-simt_begin_fiber
)");
extern "C" void simt_begin_fiber();

void Fiber::prepare(void* stack, size_t bytes, void (*entry)(void*), void* argument) {
  stack_ = stack;
  bytes_ = bytes;
  // What simt_change_stack pops: r15, r14, r13, r12, rbx, rbp, then the address to return to. At simt_begin_fiber the
  // stack is aligned to 16 bytes, as it must be before a call.
  void** top = reinterpret_cast<void**>((reinterpret_cast<uintptr_t>(stack) + bytes) & ~uintptr_t{15}) - 9;
  top[0] = top[1] = top[4] = top[5] = nullptr;
  top[2] = reinterpret_cast<void*>(entry);
  top[3] = argument;
  top[6] = reinterpret_cast<void*>(simt_begin_fiber);
  top[7] = nullptr;
  pointer_ = top;
}

#else

void Fiber::prepare(void* stack, size_t bytes, void (*entry)(void*), void* argument) {
  stack_ = stack;
  bytes_ = bytes;
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack;
  context_.uc_stack.ss_size = bytes;
  context_.uc_link = nullptr;
  const uintptr_t a = reinterpret_cast<uintptr_t>(argument), e = reinterpret_cast<uintptr_t>(entry);
  void (*trampoline)(unsigned, unsigned, unsigned, unsigned) = [](unsigned e0, unsigned e1, unsigned a0, unsigned a1) {
    const uintptr_t target = static_cast<uintptr_t>(e1) << 32 | e0;
    reinterpret_cast<void (*)(void*)>(target)(reinterpret_cast<void*>(static_cast<uintptr_t>(a1) << 32 | a0));
  };
  makecontext(&context_, reinterpret_cast<void (*)()>(trampoline), 4, static_cast<unsigned>(e),
              static_cast<unsigned>(e >> 32), static_cast<unsigned>(a), static_cast<unsigned>(a >> 32));
}

#endif

void Fiber::change(Fiber& from, Fiber& to) {
  void* save = nullptr;
  if (__sanitizer_start_switch_fiber != nullptr) {
    const bool scheduler = to.stack_ == nullptr;
    __sanitizer_start_switch_fiber(&save, scheduler ? scheduler_bottom : to.stack_,
                                   scheduler ? scheduler_size : to.bytes_);
  }
#if defined(__x86_64__)
  simt_change_stack(&from.pointer_, to.pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
  if (__sanitizer_finish_switch_fiber != nullptr) {
    const void* bottom = nullptr;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(save, &bottom, &size);
    if (from.stack_ != nullptr) scheduler_bottom = bottom, scheduler_size = size;
  }
}

void Fiber::begun() {
  if (__sanitizer_finish_switch_fiber != nullptr) {
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
  }
}

}  // namespace simt
