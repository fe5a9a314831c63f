// Names for addresses: which loaded object holds the kernels, and, with the help of addr2line, where in the source.
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <unordered_map>
#include <vector>

#include "block.h"
#include "emulator_internal.h"

namespace simt {
namespace {

constexpr Where kSite = 0x80000000u;  // the rest is an index of sites, else an offset in the module

Module module;
std::vector<Site> sites;

int visit(dl_phdr_info* object, size_t, void* data) {
  std::pair<uintptr_t, Module*>& wanted = *static_cast<std::pair<uintptr_t, Module*>*>(data);
  Module found;
  found.base = object->dlpi_addr;
  found.begin = ~uintptr_t{0};
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    const uintptr_t begin = found.base + part.p_vaddr, end = begin + part.p_memsz;
    found.begin = std::min(found.begin, begin);
    found.end = std::max(found.end, end);
    if ((part.p_flags & PF_W) != 0) {
      found.zeros = begin + part.p_filesz;
      found.zeros_end = end;
    }
  }
  if (wanted.first < found.begin || wanted.first >= found.end) return 0;
  found.path = object->dlpi_name;
  if (found.path.empty()) {  // the program itself
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length > 0) found.path.assign(path, static_cast<size_t>(length));
  }
  *wanted.second = found;
  return 1;
}

// What addr2line says: "function\nfile:line\n" for every inlined frame, innermost first.
std::vector<std::string> look_up(uintptr_t offset, const char* flags) {
  char command[4200];
  std::snprintf(command, sizeof command, "addr2line %s -e '%s' 0x%zx 2>/dev/null", flags, module.path.c_str(), offset);
  std::vector<std::string> lines;
  if (FILE* pipe = popen(command, "r")) {
    char line[2000];
    while (std::fgets(line, sizeof line, pipe) != nullptr) lines.emplace_back(line, std::strcspn(line, "\n"));
    pclose(pipe);
  }
  return lines;
}

}  // namespace

const Module& current_module() { return module; }

void enter_module(const void* kernel) {
  const uintptr_t place = reinterpret_cast<uintptr_t>(kernel);
  if (place >= module.begin && place < module.end) return;
  std::pair<uintptr_t, Module*> wanted{place, &module};
  dl_iterate_phdr(visit, &wanted);
}

Where where_of(const void* instruction) {
  return static_cast<Where>(reinterpret_cast<uintptr_t>(instruction) - module.base) & ~kSite;
}

Where where_of(Site site) {
  // The few sites of a kernel come again and again.
  static struct {
    Site site;
    Where where;
  } recent[256];
  auto& slot = recent[(reinterpret_cast<uintptr_t>(site.file) / 8 + static_cast<unsigned>(site.line)) % 256];
  if (slot.site.file == site.file && slot.site.line == site.line) return slot.where;
  size_t i = 0;
  while (i < sites.size() && (sites[i].file != site.file || sites[i].line != site.line)) ++i;
  if (i == sites.size()) sites.push_back(site);
  slot.site = site;
  slot.where = kSite | static_cast<Where>(i);
  return slot.where;
}

std::string name_of(Where where) {
  if ((where & kSite) != 0) return name_of(sites[where & ~kSite]);
  // The address is where the call returns to; the call is before it.
  for (const std::string& line : look_up(where - 1, "-i")) {
    if (line.find("/simt/include/") != std::string::npos || line[0] == '?') continue;  // a vector type's own code
    const size_t colon = line.rfind(':');
    return name_of(Site{line.substr(0, colon).c_str(), std::atoi(line.c_str() + colon + 1)});
  }
  char text[40];
  std::snprintf(text, sizeof text, "offset 0x%x", where);
  return text;
}

std::string kernel_name(const void* kernel) {
  static std::unordered_map<const void*, std::string> names;
  std::string& name = names[kernel];
  if (name.empty()) {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(kernel) - module.base;
    const std::vector<std::string> lines = look_up(offset, "-f -C");
    char text[40];
    std::snprintf(text, sizeof text, "kernel 0x%zx", offset);
    name = lines.empty() || lines[0] == "??" ? text : lines[0];
    const std::string unnamed = "(anonymous namespace)::";
    if (name.rfind("void ", 0) == 0) name.erase(0, 5);  // the return type, which templates' names have
    for (size_t at; (at = name.find(unnamed)) != std::string::npos;) name.erase(at, unnamed.size());
    name.erase(std::min(name.find('('), name.size()));
  }
  return name;
}

}  // namespace simt
