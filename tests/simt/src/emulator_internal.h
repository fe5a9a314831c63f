// Small things that the emulator's files share.
#ifndef SIMT_EMULATOR_INTERNAL_H
#define SIMT_EMULATOR_INTERNAL_H

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "simt/device.h"

namespace simt {

struct Lane;

// The device's lock: held by every call of the runtime API, hence while a kernel runs.
std::recursive_mutex& device_lock();

// Called when a thread ends: others may have waited for it only.
void barrier_after_exit();
void meetings_after_exit();

bool on_own_stack(const void* address);
bool on_any_stack(const void* address);
// Whether the caller is a kernel: launchers are host code in the same files, and other host threads may be in one.
bool in_kernel();

// A place in the program in 32 bits: an instruction of the kernel's module, or a Site.
using Where = uint32_t;
Where where_of(const void* instruction);
Where where_of(Site site);
std::string name_of(Where where);

// The kernel's name, from the debug information if the machine can read it.
std::string kernel_name(const void* kernel);

// The loaded object (program or library) that holds the kernel.
struct Module {
  std::string path;
  uintptr_t base = 0;
  uintptr_t zeros = 0, zeros_end = 0;  // its .bss, where static shared memory is
  uintptr_t begin = 0, end = 0;
};
const Module& module_of(const void* kernel);
const Module& current_module();
void enter_module(const void* kernel);

// Stops the kernel if the running thread may not do this; `where` is for the message.
enum class Access { kRead, kWrite, kAtomic };
void check_access(const void* address, size_t bytes, Access access, Where where);
// The same for memory that must be global, or shared.
void check_global(const void* address, size_t bytes, Access access, Where where);
void check_shared(const void* address, size_t bytes, Access access, Where where);
bool is_shared(const void* address);

}  // namespace simt
#endif
