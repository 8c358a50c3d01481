// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/symmem.hpp"

/// What tests of GPU memory share: ranks with a GPU each, or several on one.
namespace symmem::gpu {

using harness::check_error;

/// Throws unless a call of CUDA's went well.
inline void ok(cudaError_t result, std::source_location site = std::source_location::current()) {
  if (result != cudaSuccess)
    throw Error(Errc::internal, std::string("CUDA at line ") + std::to_string(site.line()) + ": " +
                                    cudaGetErrorString(result));
}

/// The rank's GPU: they are taken in turn.
inline int device_of(const Context& context) {
  int count = 0;
  ok(cudaGetDeviceCount(&count));
  return context.rank() % count;
}

inline bool takes_turns(const Context& context) {
  return harness::takes_turns(context.world_size());
}

/// Of the current device, in bytes.
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

/// Runs `body` on ranks that are processes, 2, 4 and 8 of them unless `counts` says otherwise.
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

/// A stream of the test's own.
class TestStream {
 public:
  TestStream() { ok(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~TestStream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator cudaStream_t() const { return stream_; }
  void wait() const { ok(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// A count that kernels add to and the host reads, or a flag that they spin on.
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

/// A tensor of `count` 64-bit words on the rank's GPU, and its rendezvous.
struct Words {
  explicit Words(Context& context, std::int64_t count, const std::string& group = kWorld)
      : Words(context, count, group, device_of(context)) {}
  Words(Context& context, std::int64_t count, const std::string& group, int device)
      : tensor(context.empty_strided_p2p({count}, {1}, kUint64, {DeviceType::cuda, device}, group)),
        memory(context.rendezvous(tensor)) {}
  SymmetricMemory* operator->() const { return memory.get(); }
  std::uint64_t* data() const { return tensor.data<std::uint64_t>(); }
  std::uint64_t look(std::size_t at) const {
    std::uint64_t value = 0;
    ok(cudaMemcpy(&value, data() + at, sizeof value, cudaMemcpyDefault));
    return value;
  }
  void write(std::size_t at, std::uint64_t value) const {
    ok(cudaMemcpy(data() + at, &value, sizeof value, cudaMemcpyDefault));
    ok(cudaStreamSynchronize(nullptr));  // It returns before the bytes are there.
  }

  Tensor tensor;
  std::shared_ptr<SymmetricMemory> memory;
};

inline int next_of(const Context& context) { return (context.rank() + 1) % context.world_size(); }
inline int previous_of(const Context& context) {
  return (context.rank() + context.world_size() - 1) % context.world_size();
}

}  // namespace symmem::gpu
