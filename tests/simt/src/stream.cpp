#include "stream.h"

#include <algorithm>
#include <random>

#include "emulator_internal.h"
#include "simt/emulator.h"

namespace simt {
namespace {

std::vector<Stream*> streams;
thread_local cudaError_t last_error = cudaSuccess;
thread_local Stream* capturing = nullptr;  // the stream from which this thread captures
uint64_t graphs_launched = 0;

bool at_once() {
  static std::mt19937_64 random(options().seed);
  switch (options().asynchronous) {
    case Asynchronous::kEarly:
      return true;
    case Asynchronous::kLate:
      return false;
    default:
      return (random() & 1) != 0;
  }
}

// Does the oldest work of a stream; none after a failure.
void step(Stream* stream) {
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  work();
}

void drain_blocking() {
  for (Stream* stream : streams) {
    if (stream->blocking) drain(stream);
  }
}

void wait_for(const std::shared_ptr<Record>& record) {
  while (record != nullptr && !record->done && record->stream != nullptr && !record->stream->queue.empty()) {
    step(record->stream);
  }
}

}  // namespace

uint64_t graph_launches() {
  const std::lock_guard<std::recursive_mutex> lock(device_lock());
  return graphs_launched;
}

bool is_capturing() {
  if (capturing != nullptr) capturing->capture->valid = false;
  return capturing != nullptr;
}

Failure& failure() {
  static Failure instance;
  return instance;
}

std::recursive_mutex& device_lock() {
  static std::recursive_mutex lock;
  return lock;
}

cudaError_t done(cudaError_t status) {
  if (status == cudaSuccess) status = failure().status;
  if (status != cudaSuccess) last_error = status;
  return status;
}

cudaError_t submit(Stream* stream, Work work) {
  if (stream == nullptr) {
    drain_blocking();
    work();
  } else if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
    if (at_once()) drain(stream);
  }
  return done(cudaSuccess);
}

void drain(Stream* stream) {
  if (stream == nullptr) {
    drain_blocking();
    return;
  }
  while (!stream->queue.empty()) step(stream);
}

void drain_all() {
  for (Stream* stream : streams) drain(stream);
}

}  // namespace simt

using simt::done;
using Lock = std::lock_guard<std::recursive_mutex>;

cudaError_t cudaGetLastError() {
  const cudaError_t status = cudaPeekAtLastError();
  simt::last_error = cudaSuccess;
  return status;
}
cudaError_t cudaPeekAtLastError() {
  const Lock lock(simt::device_lock());
  return simt::failure().status != cudaSuccess ? simt::failure().status : simt::last_error;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(simt::device_lock());
  *stream = new simt::Stream();
  (*stream)->blocking = (flags & cudaStreamNonBlocking) == 0;
  simt::streams.push_back(*stream);
  return done(cudaSuccess);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  const auto at = std::find(simt::streams.begin(), simt::streams.end(), stream);
  if (at == simt::streams.end()) return done(cudaErrorInvalidResourceHandle);
  simt::drain(stream);
  simt::streams.erase(at);
  delete stream;
  return done(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  if (simt::is_capturing()) return done(cudaErrorStreamCaptureUnsupported);
  simt::drain(stream);
  return done(cudaSuccess);
}
cudaError_t cudaDeviceSynchronize() {
  const Lock lock(simt::device_lock());
  simt::drain_all();
  return done(cudaSuccess);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  if (stream == nullptr || stream->queue.empty()) return done(cudaSuccess);
  simt::step(stream);
  return cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(simt::device_lock());
  return simt::submit(stream, [record = event->latest] { simt::wait_for(record); });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const Lock lock(simt::device_lock());
  return simt::submit(stream, [=] { function(data); });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Lock lock(simt::device_lock());
  *event = new simt::Event();
  return done(cudaSuccess);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(simt::device_lock());
  delete event;
  return done(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  const auto record = std::make_shared<simt::Record>();
  record->stream = stream;
  event->latest = record;
  return simt::submit(stream, [record] {
    record->done = true;
    record->time = std::chrono::steady_clock::now();
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(simt::device_lock());
  simt::wait_for(event->latest);
  return done(cudaSuccess);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(simt::device_lock());
  if (event->latest == nullptr || event->latest->done) return done(cudaSuccess);
  if (event->latest->stream != nullptr && !event->latest->stream->queue.empty()) simt::step(event->latest->stream);
  return cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(simt::device_lock());
  if (start->latest == nullptr || end->latest == nullptr) return done(cudaErrorInvalidResourceHandle);
  if (!start->latest->done || !end->latest->done) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(end->latest->time - start->latest->time).count();
  return done(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock(simt::device_lock());
  if (stream == nullptr || stream->capture != nullptr) return done(cudaErrorStreamCaptureUnsupported);
  stream->capture = std::make_unique<simt::Graph>();
  simt::capturing = stream;
  return done(cudaSuccess);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(simt::device_lock());
  if (stream == nullptr || stream->capture == nullptr) return done(cudaErrorInvalidValue);
  const std::unique_ptr<simt::Graph> captured = std::move(stream->capture);
  simt::capturing = nullptr;
  *graph = captured->valid ? new simt::Graph(*captured) : nullptr;
  return done(captured->valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const Lock lock(simt::device_lock());
  *executable = new simt::Graph(*graph);
  return done(cudaSuccess);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(simt::device_lock());
  ++simt::graphs_launched;
  const std::vector<simt::Work> nodes = executable->nodes;  // the graph may be destroyed before they are done
  return simt::submit(stream, [nodes] {
    for (const simt::Work& node : nodes) node();
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const Lock lock(simt::device_lock());
  delete executable;
  return done(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return cudaGraphExecDestroy(graph); }
