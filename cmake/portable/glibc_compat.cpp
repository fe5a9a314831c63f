// Lets a library that is built on a new x86-64 Linux run on glibc 2.28, the oldest one that Espalier supports.
//
// The linker binds to the newest version of a symbol that the build machine has: pthread_create@GLIBC_2.34 on Debian
// 12, since glibc moved libpthread into libc in that release. Portable.cmake links with --wrap=NAME for every FORWARD
// and REPLACE below, so that all uses of NAME, those inside the static libstdc++ and libgcc included, go to
// __wrap_NAME: FORWARD jumps to the old version of the same function, REPLACE is a definition where there is no old
// version.
//
// --gc-sections drops what is not used. CheckLibrary.cmake names a symbol that is missing here.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Each in a section of its own, so that the linker can drop it.
#define FORWARD(name, version)                                       \
  __asm__(".symver espalier_old_" #name "," #name "@GLIBC_" #version \
          "\n"                                                       \
          ".pushsection .text.__wrap_" #name                         \
          ",\"ax\",@progbits\n"                                      \
          ".globl __wrap_" #name                                     \
          "\n"                                                       \
          ".hidden __wrap_" #name                                    \
          "\n"                                                       \
          ".type __wrap_" #name                                      \
          ",@function\n"                                             \
          "__wrap_" #name                                            \
          ":\n"                                                      \
          "  endbr64\n"                                              \
          "  jmp *espalier_old_" #name                               \
          "@GOTPCREL(%rip)\n"                                        \
          ".size __wrap_" #name ",.-__wrap_" #name                   \
          "\n"                                                       \
          ".popsection\n");

#define HIDDEN extern "C" __attribute__((visibility("hidden")))
#define REPLACE(name) __wrap_##name

// ---- threads

FORWARD(__pthread_key_create, 2.2.5)
FORWARD(pthread_attr_getaffinity_np, 2.3.4)
FORWARD(pthread_attr_getguardsize, 2.2.5)
FORWARD(pthread_attr_getstack, 2.2.5)
FORWARD(pthread_attr_getstacksize, 2.2.5)
FORWARD(pthread_attr_setaffinity_np, 2.3.4)
FORWARD(pthread_attr_setguardsize, 2.2.5)
FORWARD(pthread_attr_setstack, 2.2.5)
FORWARD(pthread_attr_setstacksize, 2.2.5)
FORWARD(pthread_barrier_destroy, 2.2.5)
FORWARD(pthread_barrier_init, 2.2.5)
FORWARD(pthread_barrier_wait, 2.2.5)
FORWARD(pthread_condattr_setclock, 2.3.3)
FORWARD(pthread_condattr_setpshared, 2.2.5)
FORWARD(pthread_create, 2.2.5)
FORWARD(pthread_detach, 2.2.5)
FORWARD(pthread_getaffinity_np, 2.3.4)
FORWARD(pthread_getattr_np, 2.2.5)
FORWARD(pthread_getname_np, 2.12)
FORWARD(pthread_getspecific, 2.2.5)
FORWARD(pthread_join, 2.2.5)
FORWARD(pthread_key_create, 2.2.5)
FORWARD(pthread_key_delete, 2.2.5)
FORWARD(pthread_kill, 2.2.5)
FORWARD(pthread_mutex_timedlock, 2.2.5)
FORWARD(pthread_mutex_trylock, 2.2.5)
FORWARD(pthread_mutexattr_destroy, 2.2.5)
FORWARD(pthread_mutexattr_init, 2.2.5)
FORWARD(pthread_mutexattr_setpshared, 2.2.5)
FORWARD(pthread_mutexattr_settype, 2.2.5)
FORWARD(pthread_once, 2.2.5)
FORWARD(pthread_rwlock_destroy, 2.2.5)
FORWARD(pthread_rwlock_init, 2.2.5)
FORWARD(pthread_rwlock_rdlock, 2.2.5)
FORWARD(pthread_rwlock_timedrdlock, 2.2.5)
FORWARD(pthread_rwlock_timedwrlock, 2.2.5)
FORWARD(pthread_rwlock_tryrdlock, 2.2.5)
FORWARD(pthread_rwlock_trywrlock, 2.2.5)
FORWARD(pthread_rwlock_unlock, 2.2.5)
FORWARD(pthread_rwlock_wrlock, 2.2.5)
FORWARD(pthread_rwlockattr_destroy, 2.2.5)
FORWARD(pthread_rwlockattr_init, 2.2.5)
FORWARD(pthread_rwlockattr_setpshared, 2.2.5)
FORWARD(pthread_setaffinity_np, 2.3.4)
FORWARD(pthread_setname_np, 2.12)
FORWARD(pthread_setspecific, 2.2.5)
FORWARD(pthread_sigmask, 2.2.5)
FORWARD(pthread_spin_destroy, 2.2.5)
FORWARD(pthread_spin_init, 2.2.5)
FORWARD(pthread_spin_lock, 2.2.5)
FORWARD(pthread_spin_trylock, 2.2.5)
FORWARD(pthread_spin_unlock, 2.2.5)
FORWARD(sem_destroy, 2.2.5)
FORWARD(sem_init, 2.2.5)
FORWARD(sem_post, 2.2.5)
FORWARD(sem_timedwait, 2.2.5)
FORWARD(sem_trywait, 2.2.5)
FORWARD(sem_wait, 2.2.5)

// Since glibc 2.30; std::condition_variable::wait_for uses it. The deadline is carried over to the clock that
// pthread_cond_timedwait knows, so that a step of the wall clock during the wait moves the deadline.
HIDDEN int REPLACE(pthread_cond_clockwait)(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                           const struct timespec* deadline) {
  if (clock == CLOCK_REALTIME) return pthread_cond_timedwait(condition, mutex, deadline);
  struct timespec now, wall;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &wall);
  const int64_t second = 1000000000;
  int64_t nanoseconds = (int64_t)wall.tv_nsec + deadline->tv_nsec - now.tv_nsec;  // -1 s .. 2 s
  wall.tv_sec += deadline->tv_sec - now.tv_sec;
  if (nanoseconds < 0) {
    wall.tv_sec -= 1;
    nanoseconds += second;
  } else if (nanoseconds >= second) {
    wall.tv_sec += 1;
    nanoseconds -= second;
  }
  wall.tv_nsec = nanoseconds;
  return pthread_cond_timedwait(condition, mutex, &wall);
}

// Since glibc 2.32; libstdc++ leaves out atomic operations while it is not 0.
HIDDEN char REPLACE(__libc_single_threaded);
char REPLACE(__libc_single_threaded) = 0;

// Since glibc 2.30.
HIDDEN pid_t REPLACE(gettid)(void) { return (pid_t)syscall(SYS_gettid); }

// ---- shared objects

FORWARD(dladdr, 2.2.5)
FORWARD(dlclose, 2.2.5)
FORWARD(dlerror, 2.2.5)
FORWARD(dlinfo, 2.3.3)
FORWARD(dlmopen, 2.3.4)
FORWARD(dlopen, 2.2.5)
FORWARD(dlsym, 2.2.5)
FORWARD(dlvsym, 2.2.5)

// Since glibc 2.35; the unwinder of GCC 12 and newer asks nobody else, so that without an answer every exception would
// end the process. This is what older unwinders did: go through the loaded objects for the one that holds the address.
struct Search {
  uintptr_t address;
  struct dl_find_object* result;
};

static int search_object(struct dl_phdr_info* info, size_t, void* data) {
  Search* search = static_cast<Search*>(data);
  uintptr_t first = UINTPTR_MAX, end = 0;
  bool inside = false;
  void* frames = nullptr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_EH_FRAME) {
      frames = reinterpret_cast<void*>(start);
    } else if (header.p_type == PT_LOAD) {
      const uintptr_t stop = start + header.p_memsz;
      inside = inside || (search->address >= start && search->address < stop);
      first = start < first ? start : first;
      end = stop > end ? stop : end;
    }
  }
  if (!inside || frames == nullptr) return 0;
  search->result->dlfo_flags = 0;
  search->result->dlfo_map_start = reinterpret_cast<void*>(first);
  search->result->dlfo_map_end = reinterpret_cast<void*>(end);
  search->result->dlfo_link_map = nullptr;  // the unwinder does not read it
  search->result->dlfo_eh_frame = frames;
  return 1;
}

HIDDEN int REPLACE(_dl_find_object)(void* address, struct dl_find_object* result) {
  Search search = {reinterpret_cast<uintptr_t>(address), result};
  return dl_iterate_phdr(search_object, &search) == 1 ? 0 : -1;
}

// ---- files: functions since glibc 2.33, before that macros of <sys/stat.h> around __xstat and its kin

extern "C" int __xstat(int version, const char* path, struct stat* buffer);
extern "C" int __lxstat(int version, const char* path, struct stat* buffer);
extern "C" int __fxstat(int version, int file, struct stat* buffer);
static const int kStatVersion = 1;  // _STAT_VER of x86-64, where struct stat and struct stat64 are the same

HIDDEN int REPLACE(stat)(const char* path, struct stat* buffer) { return __xstat(kStatVersion, path, buffer); }
HIDDEN int REPLACE(stat64)(const char* path, struct stat* buffer) { return __xstat(kStatVersion, path, buffer); }
HIDDEN int REPLACE(lstat)(const char* path, struct stat* buffer) { return __lxstat(kStatVersion, path, buffer); }
HIDDEN int REPLACE(lstat64)(const char* path, struct stat* buffer) { return __lxstat(kStatVersion, path, buffer); }
HIDDEN int REPLACE(fstat)(int file, struct stat* buffer) { return __fxstat(kStatVersion, file, buffer); }
HIDDEN int REPLACE(fstat64)(int file, struct stat* buffer) { return __fxstat(kStatVersion, file, buffer); }

// ---- shared memory: in librt before glibc 2.34, which nothing else needs

static int in_shared_memory(const char* name, char (&path)[300]) {
  while (*name == '/') ++name;
  return snprintf(path, sizeof path, "/dev/shm/%s", name) < static_cast<int>(sizeof path) ? 0 : -1;
}

HIDDEN int REPLACE(shm_open)(const char* name, int flags, mode_t mode) {
  char path[300];
  if (in_shared_memory(name, path) != 0) return -1;
  return open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}
HIDDEN int REPLACE(shm_unlink)(const char* name) {
  char path[300];
  if (in_shared_memory(name, path) != 0) return -1;
  return unlink(path);
}

// ---- random numbers: since glibc 2.36, and what std::random_device prefers

HIDDEN uint32_t REPLACE(arc4random)(void) {
  uint32_t value = 0;
  while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
  }
  return value;
}

// ---- mathematics: the old versions also report errors through the variable _LIB_VERSION; the values are the same

FORWARD(exp, 2.2.5)
FORWARD(exp2, 2.2.5)
FORWARD(hypot, 2.2.5)
FORWARD(hypotf, 2.2.5)
FORWARD(log, 2.2.5)
FORWARD(log2, 2.2.5)
FORWARD(pow, 2.2.5)
