// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <functional>
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/cuda.hpp"
#include "symmem/symmem.hpp"

/// Helpers for the tests of GPU memory. Each rank uses a separate GPU if there are enough GPUs.
namespace symmem::gpu {

using harness::check_error;

/// Throws Error(internal) if a CUDA call failed.
inline void ok(cudaError_t result, std::source_location site = std::source_location::current()) {
  if (result != cudaSuccess)
    throw Error(Errc::internal, std::string("CUDA call at line ") + std::to_string(site.line()) +
                                    ": " + cudaGetErrorString(result));
}

/// Returns the ordinal of the rank's GPU; GPUs are assigned round-robin.
inline int device_of(const Context& context) {
  int count = 0;
  ok(cudaGetDeviceCount(&count));
  return context.rank() % count;
}
inline Device gpu_of(const Context& context) { return Device::cuda(device_of(context)); }

inline bool takes_turns(const Context& context) {
  return harness::takes_turns(context.world_size());
}

/// Returns the free memory of the current device, in bytes.
inline std::size_t free_memory() {
  std::size_t left = 0, total = 0;
  ok(cudaMemGetInfo(&left, &total));
  return left;
}

inline harness::RanksSettings with(const Environment& environment) {
  harness::RanksSettings settings;
  settings.environment = environment;
  return settings;
}

/// For each number in `counts`, runs `body` in that many rank processes.
inline void on_gpus(const std::function<void(Context&)>& body, std::vector<int> counts = {2, 4, 8},
                    const harness::RanksSettings& settings = {},
                    std::source_location site = std::source_location::current()) {
  if (!harness::can_use_gpu()) return;
  for (const int count : counts)
    harness::run_ranks(
        count,
        [&](Context& context) {
          ok(cudaSetDevice(device_of(context)));
          body(context);
        },
        settings, site);
}

/// RAII: a non-blocking stream.
class TestStream {
 public:
  TestStream() { ok(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~TestStream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator cudaStream_t() const { return stream_; }
  operator Stream() const { return stream_; }
  void wait() const { ok(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// A 32-bit word in pinned memory, which kernels increment as a counter or poll as a flag.
class Counter {
 public:
  Counter() {
    void* at = nullptr;
    ok(cudaHostAlloc(&at, sizeof(unsigned), cudaHostAllocMapped));
    count_ = new (at) unsigned(0);
  }
  ~Counter() { static_cast<void>(cudaFreeHost(count_)); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  operator unsigned*() const { return count_; }
  void set(unsigned value) const { *const_cast<volatile unsigned*>(count_) = value; }
  unsigned value() const { return *const_cast<volatile unsigned*>(count_); }

 private:
  unsigned* count_;
};

/// Symmetric memory of `count` 64-bit words on the rank's GPU.
struct Words {
  Words(Context& context, std::size_t count)
      : buffer(context.allocate<std::uint64_t>(count, gpu_of(context))),
        memory(context.rendezvous(buffer)) {}
  SymmetricMemory* operator->() const { return memory.get(); }
  std::uint64_t* data() const { return buffer.data(); }
  /// Returns the words `first` to `first` + `count` - 1 of this rank's buffer.
  std::span<std::uint64_t> span(std::size_t first, std::size_t count = 1) const {
    return {data() + first, count};
  }
  std::uint64_t read(std::size_t at) const {
    std::uint64_t value = 0;
    ok(cudaMemcpy(&value, data() + at, sizeof value, cudaMemcpyDefault));
    return value;
  }
  void write(std::size_t at, std::uint64_t value) const {
    ok(cudaMemcpy(data() + at, &value, sizeof value, cudaMemcpyDefault));
    ok(cudaStreamSynchronize(nullptr));  // cudaMemcpy may return before the copy is complete.
  }

  Buffer<std::uint64_t> buffer;
  std::shared_ptr<SymmetricMemory> memory;
};

inline int next_of(const Context& context) { return (context.rank() + 1) % context.world_size(); }
inline int previous_of(const Context& context) {
  return (context.rank() + context.world_size() - 1) % context.world_size();
}

}  // namespace symmem::gpu
