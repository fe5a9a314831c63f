// Setting up the simulated device, and what it saw. Every setting may also be given in the environment (README.md).
#ifndef SIMT_EMULATOR_H
#define SIMT_EMULATOR_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace simt {

// When asynchronous work (cp.async, TMA, wgmma, streams) is done: as soon as it is asked for, when a wait leaves no
// other choice, or either, by the seed.
enum class Asynchronous { kEarly, kLate, kRandom };

struct Options {
  uint64_t seed = 1;  // of the schedule: which thread runs next, in which order blocks run
  Asynchronous asynchronous = Asynchronous::kRandom;
  bool count = false;  // keep counters
  int devices = 1;
  int capability = 90;      // 10 * major + minor
  int multiprocessors = 4;  // few, so that persistent kernels take several rounds
  size_t memory = size_t{4} << 30;
  int driver = 13000;  // the CUDA version that it knows, as 1000 * major + 10 * minor; 0: there is none
  // Faults, counted down to; 0: none.
  uint64_t fail_allocation = 0;  // the how manieth allocation from now on fails, of device or pinned memory
  uint64_t lose_device = 0;      // the how manieth kernel from now on meets an uncorrectable memory error
};

// The options in force. Change them while no kernel runs.
Options& options();

// What a kernel did wrong, the first time; "" if nothing.
std::string report();

// Forgets the error that stays otherwise.
void reset();

// How many graphs have been launched.
uint64_t graph_launches();

// Bytes of device and of pinned memory that are allocated now.
size_t device_memory_used();
size_t pinned_memory_used();

// What a kernel cost, summed over its launches since reset_counters. A request is one instruction of one warp.
struct Counters {
  std::string kernel;
  uint64_t launches = 0, blocks = 0;
  uint64_t global_requests = 0, global_sectors = 0;     // of 32 bytes
  uint64_t global_bytes = 0;                            // different bytes that the requests touched
  uint64_t shared_requests = 0, shared_wavefronts = 0;  // each takes 32 words of 4 bytes from different banks
  uint64_t shared_ideal = 0;                            // the wavefronts without bank conflicts
  uint64_t matrix_products = 0;                         // mma.sync and wgmma instructions
  uint64_t barriers = 0, collectives = 0, atomics = 0;
};
std::vector<Counters> counters();
void reset_counters();

}  // namespace simt
#endif
