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

// Copies by all SMs, 16 bytes a load and a store; `blocks` of 1024 threads. All is a multiple
// of 16.
void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes);
/// The same, where the kernel itself finds the peer's buffer.
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes);
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes);

// One-shot all-reduces: `result` becomes the sum of what all ranks have.

/// The floats of each rank, as this one reaches them, and where to meet: a row for each block.
struct Parts {
  const float* of[Flags::kMost] = {};
  Flags flags;
};
/// A thread for each 16 bytes, up to 32 blocks of 512.
struct Grid {
  explicit Grid(std::size_t bytes);
  int blocks, threads;
};
/// Without `meets` it is but the loads and stores.
void floor_all_reduce(cudaStream_t stream, Grid grid, const Parts& parts, float* result,
                      std::size_t bytes, bool meets);
/// That of docs/examples, on the buffers of `view`.
void our_all_reduce(cudaStream_t stream, Grid grid, const DeviceView& view, float* result,
                    std::size_t bytes);

// For a barrier to be proved by: each rank counts in a word of its own, then, after the barrier,
// looks at the words of all. Who has come to the barrier as often as we have may be one further.

/// Adds one to the word at `offset` of one's own buffer.
void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset);
/// Adds to *wrong the number of peers whose word is neither what ours is nor one more.
void look_at_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong);

}  // namespace symmem::bench
