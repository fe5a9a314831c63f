#include "cuda/graphs.h"

#include <algorithm>
#include <utility>

#include "graph_rows.h"

namespace espalier {
namespace gpu {
namespace {

uint64_t word_of(const DeviceMemory& memory) { return reinterpret_cast<uintptr_t>(memory.as<void>()); }

}  // namespace

size_t Graphs::Hash::operator()(const Key& key) const {
  uint64_t hash = key.size();
  for (const uint64_t word : key) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return static_cast<size_t>(hash);
}

// Equal counts share a place: that they are equal is then part of the key.
RowCount Graphs::held(const Count& count) {
  const int32_t value = static_cast<int32_t>(count.value);
  if (value == 0) {
    key_.push_back(~uint64_t{0});
    return 0;
  }
  int32_t* const begin = values_.values;
  int32_t* const end = begin + used_;
  const int32_t place = static_cast<int32_t>(std::find(begin, end, value) - begin);
  if (place == used_) values_.values[used_++] = value;
  key_.push_back(static_cast<uint64_t>(place));
  return {graph_rows(value), counts_.as<int32_t>() + place};
}

void Graphs::run_each(CudaBackend& lane, const std::vector<Op>& ops) {
  const uint32_t tag = lane.tag;
  // Also where an op throws: the tag is of those that follow.
  struct Restore {
    CudaBackend& lane;
    uint32_t tag;
    ~Restore() { lane.tag = tag; }
  } const restore{lane, tag};
  lane.coded = {};  // no pass depends on the one before it
  for (const Op& op : ops) {
    ++lane.calls;
    lane.tag = op.tag;
    op.run(lane);
  }
}

// Whether the ops have become the pass's graph. What goes wrong here goes wrong again where they are run one by one, or
// has to do with graphs alone.
bool Graphs::record(CudaBackend& lane, const std::vector<Op>& ops, Pass& pass) {
  const bool may_fault = std::exchange(lane.may_fault, false);
  cudaError_t status = cudaStreamBeginCapture(lane.stream, cudaStreamCaptureModeThreadLocal);
  if (status == cudaSuccess) {
    bool ran = true;
    try {
      run_each(lane, ops);
    } catch (const Error&) {
      ran = false;
    }
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    status = cudaStreamEndCapture(lane.stream, &graph);
    if (ran && status == cudaSuccess && cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess) {
      pass.graph.reset(executable);
    }
    if (graph != nullptr) cudaGraphDestroy(graph);
  }
  pass.may_fault = lane.may_fault;
  lane.may_fault = may_fault;
  pass.refused = pass.graph == nullptr;
  if (pass.refused) cudaGetLastError();
  return !pass.refused;
}

// The pass of that key. Where it is new and there are as many as may be, the one that was used last the longest ago
// goes.
Graphs::Pass& Graphs::find(CudaBackend& lane, Key key, bool& is_new) {
  auto at = passes_.find(key);
  is_new = at == passes_.end();
  if (is_new) {
    if (passes_.size() >= most_) {
      const auto oldest = std::min_element(passes_.begin(), passes_.end(),
                                           [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
      check(cudaStreamSynchronize(lane.stream), "waiting for the device");  // it may be under way
      passes_.erase(oldest);
    }
    at = passes_.emplace(std::move(key), Pass()).first;
  }
  at->second.used = ++clock_;
  return at->second;
}

void Graphs::run(CudaBackend& lane) {
  if (ops_.empty()) return;
  const std::vector<Op> ops = std::exchange(ops_, {});
  Key key = std::exchange(key_, {});
  const int32_t used = std::exchange(used_, 0);
  for (int32_t i = 0; i < used; ++i) key.push_back(static_cast<uint64_t>(graph_rows(values_.values[i])));
  // What ops find on the lane: its memory, which grows, and whether norms leave codes behind.
  for (const DeviceMemory* memory : {&lane.codes, &lane.intermediate, &lane.maxima}) key.push_back(word_of(*memory));
  key.push_back(lane.quantizes ? 1 : 0);

  check(cudaSetDevice(lane.device), "choosing the device");
  check(set_counts(values_, counts_.as<int32_t>(), lane.stream), "set_counts");
  bool is_new = false;
  Pass& pass = find(lane, std::move(key), is_new);
  // The first time takes what memory is missing, which a graph could not.
  if (is_new || pass.refused || (pass.graph == nullptr && !record(lane, ops, pass))) {
    run_each(lane, ops);
    return;
  }
  lane.may_fault = lane.may_fault || pass.may_fault;
  lane.coded = {};
  check(cudaGraphLaunch(pass.graph.get(), lane.stream), "launching a graph");
}

}  // namespace gpu
}  // namespace espalier
