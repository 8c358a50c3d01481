// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "symmem/device_view.hpp"

namespace symmem::bench {

/// The flags of floor kernels: at each rank a row of words, one for each rank that writes there.
/// The words and `count`, the last value used, only grow.
struct Flags {
  static constexpr int kMost = 16;  ///< Ranks, and words in a row.
  int rank = 0, size = 0;
  std::uint64_t* rows[kMost] = {};  ///< By rank, as mapped in this process.
  std::uint64_t* count = nullptr;   ///< In local GPU memory, so that graphs can be replayed.
};

using device::Scope;  // A block has 256 threads.

// Launch errors are reported by cudaGetLastError only.

void empty_kernel(cudaStream_t stream);

// Floors: only the instructions that the operation needs.

/// `rounds` barriers in one kernel. By one thread: two ranks only.
void floor_barriers(cudaStream_t stream, Scope scope, const Flags& flags, int rounds);
/// `rounds` round trips of two ranks in one kernel. The rank that is `first` sends first.
void floor_trips(cudaStream_t stream, const Flags& flags, int rounds, bool first);
/// One barrier, by one thread for each peer.
void floor_barrier(cudaStream_t stream, const Flags& flags);
/// Adds one to this rank's word at the next rank; waits until the next rank's word here grew by
/// one.
void floor_signal(cudaStream_t stream, const Flags& flags);
void floor_wait(cudaStream_t stream, const Flags& flags);
/// Adds one to `word` in GPU memory, then stores the new value to `report` in pinned host memory.
void floor_atomic(cudaStream_t stream, std::uint64_t* word, std::uint64_t* report);

// The same with symmem/device.cuh.
void our_barriers(cudaStream_t stream, Scope scope, const DeviceView& view, int rounds);
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first);

/// `rounds` round trips of 8-byte packets between `local` here and `remote` at the other of two
/// ranks. Counts packets with wrong data in *wrong. `epoch`, in local memory, only grows.
void floor_packets(cudaStream_t stream, void* remote, const void* local, std::uint64_t* epoch,
                   int rounds, bool first, std::uint64_t* wrong);
/// The same with symmem/device.cuh, at `offset` in the buffers.
void our_packets(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                 std::uint64_t* epoch, int rounds, bool first, std::uint64_t* wrong);

// Copies by all SMs, 16 bytes a load and a store, `blocks` of 1024 threads. Addresses and sizes are
// multiples of 16.
void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes);
/// The same with DeviceView::buffer.
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes);
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes);

// One-shot all-reduces: `result` becomes the sum of all ranks' `input`.

/// The buffers of the all-reduce of docs/examples for kMostFloats, by rank, as mapped in this
/// process; the counters of rounds, by block; and a row of flags for each block.
struct Parts {
  static constexpr unsigned kMostFloats = 1 << 18;
  static std::size_t bytes(int size);
  static std::size_t rounds_offset(int size);
  void* buffers[Flags::kMost] = {};
  std::uint64_t* rounds = nullptr;
  Flags flags;
};
/// The two kernels of docs/examples: packets, or plain stores and one barrier.
enum class By { packets, barrier };
/// One thread for each 8 (packets) or 16 bytes, in blocks of 512. The blocks of all ranks, which
/// may share a GPU, must be resident together; each block needs a channel.
struct Grid {
  Grid(std::size_t bytes, By by, int ranks, int channels);
  int blocks, threads;
};
void floor_all_reduce(cudaStream_t stream, Grid grid, By by, const Parts& parts, const float* input,
                      float* result, std::size_t bytes);
void our_all_reduce(cudaStream_t stream, Grid grid, By by, const DeviceView& view,
                    const float* input, float* result, std::size_t bytes);

// Checks of a barrier: each rank increments its own word, calls the barrier, then compares the
// words of all ranks. A peer that has passed the same barrier may already be one further.

/// Adds one to the word at `offset` in this rank's buffer.
void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset);
/// Adds to *wrong the number of peers whose word is neither equal to this rank's nor one more.
void compare_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong);

}  // namespace symmem::bench
