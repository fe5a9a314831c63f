// Streams, events and graphs: queues of work that is done when somebody waits for it, or at once, by the options.
#ifndef SIMT_STREAM_H
#define SIMT_STREAM_H

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda_runtime.h"

namespace simt {

using Work = std::function<void()>;

// One call of cudaEventRecord.
struct Record {
  Stream* stream = nullptr;
  bool done = false;
  std::chrono::steady_clock::time_point time;
};
struct Event {
  std::shared_ptr<Record> latest;
};
struct Graph {
  std::vector<Work> nodes;
  bool valid = true;
};
struct Stream {
  bool blocking = true;  // takes turns with the null stream
  std::deque<Work> queue;
  std::unique_ptr<Graph> capture;
};

// The error that stays: cudaSuccess until a kernel did something wrong, with the report of it.
struct Failure {
  cudaError_t status = cudaSuccess;
  std::string report;
};
Failure& failure();

// Queues work, does it at once, or adds it to the graph that is being captured.
cudaError_t submit(Stream* stream, Work work);
void drain(Stream* stream);
void drain_all();

// Whether this thread captures a graph: what it is about to do is not allowed then, and the graph is lost.
bool is_capturing();

// Keeps a status for cudaGetLastError and returns it.
cudaError_t done(cudaError_t status);

}  // namespace simt
#endif
