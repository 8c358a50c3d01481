// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <source_location>
#include <utility>

#include "figure.hpp"
#include "gpu_kernels.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {

/// Throws Error(internal) unless a call of CUDA's went well.
void ok(cudaError_t result, std::source_location site = std::source_location::current());

/// Rows of flags: whose are they.
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

/// The rank's GPU: they are taken in turn.
Device device_of(const Context& context);

/// One rank of a benchmark on GPU memory: symmetric memory for flags and data, as much memory of
/// its own, and a stream with its clock.
class GpuRank {
 public:
  static constexpr int kNodes = 100;              ///< In one graph, if not said otherwise.
  static constexpr std::size_t kData = 64 << 10;  ///< Where data begin; before them are flags.
  static constexpr std::size_t kWord = 48 << 10;  ///< A word for data that is not timed.
  static constexpr int kRows = 256;               ///< Of flags.

  /// `bytes` of data, zero at first. Collective.
  GpuRank(Context& context, std::size_t bytes);
  ~GpuRank();
  GpuRank(const GpuRank&) = delete;
  GpuRank& operator=(const GpuRank&) = delete;

  int rank() const { return memory_->rank(); }
  int size() const { return memory_->world_size(); }
  int next() const { return (rank() + 1) % size(); }  ///< Of two: the other.
  bool first() const { return rank() == 0; }
  Device device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  SymmetricMemory& memory() const { return *memory_; }
  StreamOperations on() const { return memory_->on(stream_); }

  /// First byte of `rank`'s data.
  std::byte* data_of(int rank) const;
  /// Memory of this rank's own, as many bytes as there are data.
  std::byte* local() const { return local_; }
  /// The rows behind it may be taken for those of later blocks.
  Flags flags(int row) const;

  /// Microseconds that what `enqueue` puts into the stream takes, begun by all ranks together.
  template <typename Enqueue>
  double timed(Enqueue enqueue) const {
    begin();
    enqueue();
    return end();
  }
  /// Waits for the stream.
  void wait() const;
  /// Collective, at the end: throws if a wait on a stream or in a kernel has failed.
  void close() const;

 private:
  void begin() const;
  double end() const;

  const Device device_;
  const Tensor tensor_;
  const std::shared_ptr<SymmetricMemory> memory_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
  std::byte* local_ = nullptr;
  std::uint64_t* counts_ = nullptr;  ///< By row of flags.
};

/// A graph of `nodes` times what `enqueue` puts into the stream.
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

  /// Microseconds of one of them, when the graph is replayed.
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

/// Fills figure.floor alone: what is stated beside the others, not compared.
template <typename Floor>
void floor_alone(Figure& figure, int rounds, Floor&& floor) {
  floor();
  for (int i = 0; i < rounds; ++i) figure.floor.push_back(floor());
}

inline Figure in_us(std::string what, std::string floor_is, Goal goal = {}) {
  return {std::move(what), "us", std::move(floor_is), {}, {}, goal};
}

}  // namespace symmem::bench
