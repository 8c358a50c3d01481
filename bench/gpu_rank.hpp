// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <source_location>
#include <utility>

#include "figure.hpp"
#include "gpu_kernels.hpp"
#include "symmem/cuda.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {

/// Throws Error(internal) if a CUDA call failed.
void ok(cudaError_t result, std::source_location site = std::source_location::current());

/// The first row of flags of each benchmark. No two benchmarks share a row.
enum Row {
  kInKernel,
  kTrips,
  kLaunched,
  kInGraph,
  kTripsInGraph,
  kPuts,
  kReplays,
  kPackets,
  kOurPackets,
  kBlocks = 64
};

/// Returns the rank's GPU; GPUs are assigned round-robin.
Device device_of(const Context& context);

/// One rank of a GPU benchmark: symmetric memory for flags and data, local memory of the same size
/// as the data, and a stream with timing events.
class GpuRank {
 public:
  static constexpr int kNodes = 100;  ///< Default number of calls in one graph.
  /// Offset of the data in the buffer; the flags precede the data.
  static constexpr std::size_t kData = 64 << 10;
  /// Offset of the words that benchmarks use for checks and packets.
  static constexpr std::size_t kWord = 48 << 10;
  static constexpr int kRows = 256;  ///< Number of rows of flags.

  /// Collective. Allocates `bytes` of zeroed data in symmetric memory and in local memory.
  GpuRank(Context& context, std::size_t bytes);
  ~GpuRank();
  GpuRank(const GpuRank&) = delete;
  GpuRank& operator=(const GpuRank&) = delete;

  int rank() const { return memory_->rank(); }
  int size() const { return memory_->world_size(); }
  int next() const { return (rank() + 1) % size(); }  ///< The peer if there are two ranks.
  bool first() const { return rank() == 0; }
  Device device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  SymmetricMemory& memory() const { return *memory_; }
  StreamOperations on() const { return memory_->on(stream_); }

  /// Returns the address of the data of `rank`.
  std::byte* data_of(int rank) const;
  /// Returns the address of the local memory, which has the size of the data.
  std::byte* local() const { return local_; }
  /// Returns the flags whose first row is `row`; the next rows may be used for further blocks.
  Flags flags(int row) const;

  /// Collective. Calls a barrier, then `enqueue`. Returns the GPU time of the enqueued work in
  /// microseconds.
  template <typename Enqueue>
  double timed(Enqueue enqueue) const {
    begin();
    enqueue();
    return end();
  }
  /// Synchronises the stream.
  void wait() const;
  /// Collective. Closes the memory. Throws if a wait on a stream or in a kernel has failed.
  void close() const;

 private:
  void begin() const;
  double end() const;

  const Device device_;
  const Buffer<> buffer_;
  const std::shared_ptr<SymmetricMemory> memory_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
  std::byte* local_ = nullptr;
  std::uint64_t* counts_ = nullptr;  ///< Flags::count of each row.
};

/// A graph with the captured work of `nodes` calls of `enqueue`.
class Replay {
 public:
  template <typename Enqueue>
  Replay(const GpuRank& rank, Enqueue enqueue, int nodes = GpuRank::kNodes)
      : rank_(rank), nodes_(nodes) {
    ok(cudaStreamBeginCapture(rank.stream(), cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < nodes; ++i) enqueue();
    finish();
  }
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Replays the graph. Returns the GPU time per call of `enqueue` in microseconds.
  double operator()() const {
    return rank_.timed([&] { launch(); }) / nodes_;
  }
  void launch() const { ok(cudaGraphLaunch(replay_, rank_.stream())); }

 private:
  void finish();

  const GpuRank& rank_;
  const int nodes_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t replay_ = nullptr;
};

inline constexpr Goal kCloseToFloor{Goal::Kind::ratio_at_most, 1.15};

/// Samples figure.floor only, for rows that are not compared with symmem.
template <typename Floor>
void floor_alone(Figure& figure, int rounds, Floor&& floor) {
  floor();
  for (int i = 0; i < rounds; ++i) figure.floor.push_back(floor());
}

inline Figure in_us(std::string what, std::string floor_is, Goal goal = {}) {
  return {std::move(what), "us", std::move(floor_is), {}, {}, goal};
}

}  // namespace symmem::bench
