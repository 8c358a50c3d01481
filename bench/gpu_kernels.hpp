// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "symmem/device_view.hpp"

namespace symmem::bench {

/// For each rank a row of words, one for each rank that writes there: by what floor kernels meet.
/// The words and `count`, up to which they have been used, only grow.
struct Flags {
  static constexpr int kMost = 16;  ///< Ranks, and words of a row.
  int rank = 0, size = 0;
  std::uint64_t* rows[kMost] = {};  ///< By rank, as this one reaches them.
  std::uint64_t* count = nullptr;   ///< In GPU memory of one's own, so that graphs can be replayed.
};

/// Who meets together: one thread, a warp, or a block of 256.
enum class Shape { thread, warp, block };

// Launches report no error: cudaGetLastError does.

void empty_kernel(cudaStream_t stream);

// Floors: nothing but the instructions that must be there.

/// `rounds` barriers in one kernel; those of one thread are of two ranks.
void floor_barriers(cudaStream_t stream, Shape shape, const Flags& flags, int rounds);
/// `rounds` round trips of two ranks in one kernel, begun by the rank that is `first`.
void floor_trips(cudaStream_t stream, const Flags& flags, int rounds, bool first);
/// One barrier, by as many threads as it needs.
void floor_barrier(cudaStream_t stream, const Flags& flags);
/// Adds one to the word of the next rank; waits until the word of the next rank has grown by one.
void floor_signal(cudaStream_t stream, const Flags& flags);
void floor_wait(cudaStream_t stream, const Flags& flags);
/// Adds one to `word` of GPU memory, then writes what it was before, and one, to `report`, in
/// pinned host memory.
void floor_atomic(cudaStream_t stream, std::uint64_t* word, std::uint64_t* report);

// The same by symmem/device.cuh.
void our_barriers(cudaStream_t stream, Shape shape, const DeviceView& view, int rounds);
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first);

/// `rounds` round trips of eight bytes in packets, between the words at `mine` and, of the other of
/// two ranks, at `theirs`: 16 bytes each. Counts in *wrong what came with other data; `epoch`, in
/// memory of one's own, only grows.
void floor_packets(cudaStream_t stream, void* theirs, const void* mine, std::uint64_t* epoch,
                   int rounds, bool first, std::uint64_t* wrong);
/// The same by symmem/device.cuh, at `offset` of the buffers.
void our_packets(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                 std::uint64_t* epoch, int rounds, bool first, std::uint64_t* wrong);

// Copies by all SMs, 16 bytes a load and a store; `blocks` of 1024 threads. All is a multiple
// of 16.
void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes);
/// The same, where the kernel itself finds the peer's buffer.
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes);
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes);

// One-shot all-reduces: `result` becomes the sum of what all ranks have.

/// The buffers of docs/examples for kMostFloats: that of each rank, as this one reaches it, and how
/// many rounds were, by block; and where blocks meet, a row of flags for each.
struct Parts {
  static constexpr unsigned kMostFloats = 1 << 18;
  static std::size_t bytes(int size);
  static std::size_t rounds_offset(int size);
  void* buffers[Flags::kMost] = {};
  std::uint64_t* rounds = nullptr;
  Flags flags;
};
/// The two of docs/examples: by packets, or by plain stores and one barrier.
enum class By { packets, barrier };
/// A thread for each 8 bytes, or 16, in blocks of 512; of all ranks, which may share a GPU, no more
/// blocks than can be resident together, and each with a channel.
struct Grid {
  Grid(std::size_t bytes, By by, int ranks, int channels);
  int blocks, threads;
};
void floor_all_reduce(cudaStream_t stream, Grid grid, By by, const Parts& parts, const float* input,
                      float* result, std::size_t bytes);
void our_all_reduce(cudaStream_t stream, Grid grid, By by, const DeviceView& view,
                    const float* input, float* result, std::size_t bytes);

// For a barrier to be proved by: each rank counts in a word of its own, then, after the barrier,
// looks at the words of all. Who has come to the barrier as often as we have may be one further.

/// Adds one to the word at `offset` of one's own buffer.
void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset);
/// Adds to *wrong the number of peers whose word is neither what ours is nor one more.
void look_at_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong);

}  // namespace symmem::bench
