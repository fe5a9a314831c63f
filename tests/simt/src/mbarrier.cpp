// mbarriers and what completes them: threads that arrive, and copies by the tensor memory accelerator.
#include <cstring>

#include "block.h"
#include "counters.h"
#include "shadow.h"
#include "simt/ptx_sm90.h"

namespace simt {
namespace {

Mbarrier& find(const uint64_t* barrier, const char* doing, Site site) {
  const auto at = block->mbarriers.find(barrier);
  if (at == block->mbarriers.end()) {
    block->failure = name_of(*self) + doing + " an mbarrier at " + name_of(site) + " that nobody has initialised";
    block->stop();
  }
  const Mbarrier& m = at->second;
  if (m.initializer != self->number && !self->clock.knows(m.initializer, m.time)) {
    block->failure = name_of(*self) + doing + " an mbarrier at " + name_of(site) + " that thread " +
                     std::to_string(m.initializer) + " initialised, with no barrier between";
    block->stop();
  }
  return at->second;
}

void complete_phase(Mbarrier& m) {
  if (m.pending != 0 || m.bytes != 0) return;
  ++m.phase;
  m.pending = m.arrivals;
  m.complete = m.gathering;
  m.gathering.reset(block->threads);
  for (Lane* lane : m.waiting) block->wake(*lane);
  m.waiting.clear();
}

void arrive(Mbarrier& m, Site site) {
  if (m.pending == 0) {
    block->failure = name_of(*self) + " arrives at an mbarrier at " + name_of(site) + " at which all " +
                     std::to_string(m.arrivals) + " have arrived in this phase";
    block->stop();
  }
  m.gathering.learn(self->clock);
  m.gathering.learn(self->number, self->time);
  self->time = ++block->tick;
  --m.pending;
  complete_phase(m);
}

// A box of a matrix on its way into a tile.
struct Box {
  CUtensorMap map;
  char* tile;
  int64_t column, row;
  Where where;

  size_t row_bytes() const { return size_t{map.box_columns} * map.element_bytes; }
  size_t bytes() const { return row_bytes() * map.box_rows; }
  // Bytes of the box's row r that are inside the matrix, from its first column on.
  size_t inside(uint32_t r) const {
    if (row + r < 0 || row + r >= static_cast<int64_t>(map.rows) || column >= static_cast<int64_t>(map.columns))
      return 0;
    return std::min(row_bytes(), (map.columns - static_cast<uint64_t>(column)) * map.element_bytes);
  }
  const char* from(uint32_t r) const {
    return map.matrix + static_cast<uint64_t>(row + r) * map.pitch + static_cast<uint64_t>(column) * map.element_bytes;
  }
  void transfer() const {
    for (uint32_t r = 0; r < map.box_rows; ++r) {
      for (size_t chunk = 0; chunk * 16 < row_bytes(); ++chunk) {
        // The swizzle exchanges address bits 4.. by those from 7 on.
        const size_t linear = r * row_bytes() + chunk * 16;
        const size_t offset = dynamic_offset(tile) + linear;
        const size_t mask = map.swizzle_bytes / 16 - 1;
        char* to = shared_at(static_cast<uint32_t>(offset ^ (((offset >> 7) & mask) << 4)));
        const size_t here = std::min<size_t>(16, inside(r) > chunk * 16 ? inside(r) - chunk * 16 : 0);
        std::memcpy(to, from(r) + chunk * 16, here);
        std::memset(to + here, 0, 16 - here);
      }
    }
  }
};

}  // namespace

void mbarrier_init(uint64_t* barrier, int arrivals, Site site) {
  check_shared(barrier, 8, Access::kWrite, where_of(site));
  Mbarrier& m = block->mbarriers[barrier];
  m = Mbarrier{};
  m.arrivals = m.pending = arrivals;
  m.gathering.reset(block->threads);
  m.complete.reset(block->threads);
  m.initializer = self->number;
  m.time = self->time;
}

void mbarrier_arrive(uint64_t* barrier, Site site) { arrive(find(barrier, " arrives at", site), site); }

void mbarrier_arrive_expect(uint64_t* barrier, int bytes, Site site) {
  Mbarrier& m = find(barrier, " arrives at", site);
  m.bytes += bytes;
  arrive(m, site);
}

void mbarrier_wait(uint64_t* barrier, int parity, Site site) {
  Mbarrier& m = find(barrier, " waits for", site);
  while ((m.phase & 1u) == static_cast<unsigned>(parity)) {
    m.waiting.push_back(self);
    block->suspend("mbarrier_wait", site);
  }
  self->clock.learn(m.complete);
}

void fence_async_proxy() {
  self->fenced = self->time;
  self->time = ++block->tick;
}

void tma_load(void* tile, const CUtensorMap* map, int column, int row, uint64_t* barrier, Site site) {
  const Where where = where_of(site);
  find(barrier, " gives TMA", site);
  const Box box{*map, static_cast<char*>(tile), column, row, where};
  if (!in_dynamic_shared(tile) || dynamic_offset(tile) % 128 != 0 || column < 0) {
    block->failure = name_of(*self) +
                     " gives TMA a tile that is not in dynamic shared memory at a multiple of 128 bytes,"
                     " or a negative column, at " +
                     name_of(where);
    block->stop();
  }
  for (uint32_t r = 0; r < map->box_rows; ++r) {
    if (box.inside(r) > 0) check_global(box.from(r), box.inside(r), Access::kRead, where);
  }
  pend_shared(tile, box.bytes(), where);
  const auto work = [box, barrier] {
    box.transfer();
    const uint32_t now = ++block->tick;
    settle_shared(box.tile, box.bytes(), kTma, now, box.where);
    Mbarrier& m = block->mbarriers[barrier];
    m.gathering.learn(kTma, now);
    m.bytes -= static_cast<int64_t>(box.bytes());
    complete_phase(m);
  };
  if (early()) {
    work();
  } else {
    block->pending.push_back(work);
  }
}

}  // namespace simt

namespace {

CUresult encode(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t dimensions, void* matrix,
                const cuuint64_t* extent, const cuuint64_t* pitch, const cuuint32_t* box, const cuuint32_t* step,
                CUtensorMapInterleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  const uint32_t element = type == CU_TENSOR_MAP_DATA_TYPE_UINT8 ? 1 : 2;
  const uint32_t width = 16u << swizzle;
  const bool valid = dimensions == 2 && step[0] == 1 && step[1] == 1 && swizzle != CU_TENSOR_MAP_SWIZZLE_NONE &&
                     reinterpret_cast<uintptr_t>(matrix) % 16 == 0 && pitch[0] % 16 == 0 && extent[0] > 0 &&
                     extent[1] > 0 && box[0] > 0 && box[0] <= 256 && box[1] > 0 && box[1] <= 256 &&
                     box[0] * element == width;
  if (!valid) return CUDA_ERROR_INVALID_VALUE;
  *map =
      CUtensorMap{static_cast<const char*>(matrix), extent[0], extent[1], pitch[0], box[0], box[1], element, width, {}};
  return CUDA_SUCCESS;
}

}  // namespace

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  const bool found = std::strcmp(name, "cuTensorMapEncodeTiled") == 0;
  *function = found ? reinterpret_cast<void*>(&encode) : nullptr;
  *result = found ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
