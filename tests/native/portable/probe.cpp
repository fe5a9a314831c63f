// A library linked as libespalier is: static libstdc++ and libgcc, glibc's symbols of 2.28. Each step uses something
// that the compatibility layer stands in for; the answer is the number of the first step that failed, 0 if none.
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

__attribute__((noinline)) int throw_at_depth(int depth) {
  std::vector<int> cleaned_up(static_cast<size_t>(depth) + 1, depth);
  if (depth == 0) throw std::runtime_error("thrown");
  return throw_at_depth(depth - 1) + cleaned_up[0];
}

bool exceptions_are_caught() {
  try {
    throw_at_depth(5);
  } catch (const std::exception& e) {
    return std::string(e.what()) == "thrown";
  }
  return false;
}

bool threads_run() {
  std::vector<std::thread> threads;
  std::vector<char> caught(4, 0);
  auto shared = std::make_shared<int>(7);
  for (size_t i = 0; i < caught.size(); i++) {
    threads.emplace_back([&caught, shared, i] {
      for (int round = 0; round < 100; round++) caught[i] = exceptions_are_caught() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (char c : caught) {
    if (c != 1) return false;
  }
  return shared.use_count() == 1;
}

bool waits_time_out() {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock<std::mutex> lock(mutex);
  const auto start = std::chrono::steady_clock::now();
  const bool woken = condition.wait_for(lock, std::chrono::milliseconds(20), [] { return false; });
  const auto waited = std::chrono::steady_clock::now() - start;
  return !woken && waited >= std::chrono::milliseconds(15) && waited < std::chrono::seconds(10);
}

bool random_numbers_differ() {
  std::random_device device;
  const auto first = device();
  for (int i = 0; i < 8; i++) {
    if (device() != first) return true;
  }
  return false;
}

bool files_are_read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  struct stat status;
  return file.get() != std::char_traits<char>::eof() && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_size > 0;
}

bool locks_are_shared() {
  std::shared_mutex mutex;
  std::shared_lock<std::shared_mutex> first(mutex), second(mutex);
  return !mutex.try_lock();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int probe_run(const char* existing_file) {
  static std::once_flag once;
  int calls = 0;
  std::call_once(once, [&calls] { calls++; });
  if (calls != 1) return 1;
  if (!exceptions_are_caught()) return 2;
  if (!threads_run()) return 3;
  if (!waits_time_out()) return 4;
  if (!random_numbers_differ()) return 5;
  if (!files_are_read(existing_file)) return 6;
  if (!locks_are_shared()) return 7;
  return 0;
}
