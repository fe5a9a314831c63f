#include "cuda_library.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>

#include "guard.h"

namespace espalier {
namespace {

const CudaTable& open(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw Error(ESP_NO_LIBRARY, "cannot open " + path + ": " + (reason == nullptr ? "unknown reason" : reason));
  }
  // The library stays open even if it is of no use: its destructors and ours must not race at exit.
  void* symbol = dlsym(library, kOpenTable);
  if (symbol == nullptr) {
    throw Error(ESP_NO_LIBRARY, path + " is not a backend of Espalier: it has no function " + kOpenTable);
  }
  const CudaTable* table = reinterpret_cast<OpenTable>(symbol)(kTableVersion, fail);
  if (table == nullptr || table->ops.version != kTableVersion) {
    throw Error(ESP_NO_LIBRARY, path + " belongs to another release of Espalier: this one needs table version " +
                                    std::to_string(kTableVersion));
  }
  return *table;
}

}  // namespace

const CudaTable& open_cuda_library(const char* path) {
  static std::mutex mutex;
  // Never destroyed: threads may still ask while the process ends.
  static auto& tables = *new std::map<std::string, const CudaTable*>;
  const std::lock_guard<std::mutex> lock(mutex);
  const CudaTable*& table = tables[path];
  if (table == nullptr) table = &open(path);
  return *table;
}

}  // namespace espalier
