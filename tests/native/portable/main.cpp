// Opens the probe as the JVM opens a library, with symbols that stay its own, and prints which step fails.
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char** arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s LIBRARY\n", arguments[0]);
    return 2;
  }
  void* library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  auto run = reinterpret_cast<int (*)(const char*)>(dlsym(library, "probe_run"));
  if (run == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const int failed = run(arguments[1]);
  if (failed != 0) fprintf(stderr, "step %d of probe_run failed\n", failed);
  return failed == 0 ? 0 : 1;
}
