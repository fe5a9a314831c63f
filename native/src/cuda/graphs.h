// Ops of a lane that are held back until somebody waits, and the CUDA graphs that they become.
//
// A pass is a list of ops. The lane notes them, with their arguments, and runs them all when it is waited for: the first
// time one by one, the second time it records the launches as a graph, from then on it launches that. What tells one
// graph from another are the ops and every argument of theirs but the counts of rows, which kernels read on the device
// (RowCount); of these only graph_rows counts. So a graph meets the same addresses, weights and extents as when it was
// recorded, or it is another graph's turn: nothing that changes can be forgotten.
#ifndef ESPALIER_CUDA_GRAPHS_H
#define ESPALIER_CUDA_GRAPHS_H

#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "cuda/cuda_backend.h"

namespace espalier {
namespace gpu {

// An argument of an op that says how many rows, tokens or sequences there are; the op itself takes a RowCount.
struct Count {
  int64_t value;
};

// Owns a recorded graph.
struct FreeGraph {
  void operator()(std::remove_pointer_t<cudaGraphExec_t>* graph) const { cudaGraphExecDestroy(graph); }
};

class Graphs {
 public:
  // Keeps up to `most` >= 1 graphs, those that were used last.
  explicit Graphs(int32_t most) : counts_(kMostCounts * int64_t{sizeof(int32_t)}), most_(static_cast<size_t>(most)) {}

  // Holds op(lane, args...) back.
  template <typename... Parameters, typename... Args>
  void hold(CudaBackend& lane, void (*op)(CudaBackend&, Parameters...), const Args&... args) {
    constexpr int32_t kCounts = (0 + ... + (std::is_same<Args, Count>::value ? 1 : 0));
    if (used_ + kCounts > kMostCounts) run(lane);
    key_.push_back(word(op));
    key_.push_back(lane.tag);
    ops_.push_back({lane.tag, bound(op, held(args)...)});
  }

  // Runs what is held, in order. Whatever happens, nothing is held afterwards.
  void run(CudaBackend& lane);

 private:
  using Key = std::vector<uint64_t>;
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  struct Op {
    uint32_t tag;
    std::function<void(CudaBackend&)> run;
  };
  // What is known of a list of ops.
  struct Pass {
    std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, FreeGraph> graph;
    bool refused = false;    // no graph could be made of it
    bool may_fault = false;  // it has ops that note faults
    uint64_t used = 0;       // when
  };

  template <typename... Parameters, typename... Args>
  static std::function<void(CudaBackend&)> bound(void (*op)(CudaBackend&, Parameters...), const Args&... args) {
    return [=](CudaBackend& lane) { op(lane, args...); };
  }

  // What identifies an argument. A weight or a list of heads may be changed, or another be where it was.
  template <typename T>
  static uint64_t word(T value) {
    static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_scalar<T>::value, "one word tells all of it");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  static uint64_t word(const CudaWeight* weight) { return weight->version; }
  static uint64_t word(const CudaHeads* heads) { return heads->version; }

  // The argument as the op gets it, noted in the key.
  template <typename T>
  const T& held(const T& value) {
    key_.push_back(word(value));
    return value;
  }
  RowCount held(const Count& count);

  static void run_each(CudaBackend& lane, const std::vector<Op>& ops);
  bool record(CudaBackend& lane, const std::vector<Op>& ops, Pass& pass);
  Pass& find(CudaBackend& lane, Key key, bool& is_new);

  DeviceMemory counts_;
  const size_t most_;
  std::unordered_map<Key, Pass, Hash> passes_;
  uint64_t clock_ = 0;

  // What is held.
  Key key_;
  std::vector<Op> ops_;
  Counts values_{};
  int32_t used_ = 0;  // of the values
};

// What an op of the table does: op(lane, args...) at once, with its device current, or held back where the lane makes
// graphs.
template <typename T>
const T& at_once(const T& value) {
  return value;
}
inline RowCount at_once(const Count& count) { return count.value; }

template <typename... Parameters, typename... Args>
esp_status run_op(esp_backend* lane, void (*op)(CudaBackend&, Parameters...), const Args&... args) noexcept {
  CudaBackend& b = cuda(lane);
  if (b.graphs != nullptr) {
    return guard([&] { b.graphs->hold(b, op, args...); });
  }
  return on_device(b, [&] { op(b, at_once(args)...); });
}

}  // namespace gpu
}  // namespace espalier
#endif
