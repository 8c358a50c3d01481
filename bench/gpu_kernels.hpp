// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "symmem/device_view.hpp"

namespace symmem::bench {

/// The flags of the floor kernels. Each rank has a row of words, one word per rank that writes to
/// the row. `count` is the last value written. The words and `count` never decrease.
struct Flags {
  static constexpr int kMost = 16;  ///< Maximum number of ranks; number of words in a row.
  int rank = 0, size = 0;
  std::uint64_t* rows[kMost] = {};  ///< Rows by rank, mapped into this process.
  std::uint64_t* count = nullptr;   ///< In local GPU memory, so that a graph can be replayed.
};

using device::Scope;  // In these kernels a block has 256 threads.

// None of the following functions reports launch errors; call cudaGetLastError.

void empty_kernel(cudaStream_t stream);

// The floor functions launch the baseline kernels, which contain only the instructions that the
// operation requires.

/// Runs `rounds` barriers in one kernel. Scope::thread supports two ranks only.
void floor_barriers(cudaStream_t stream, Scope scope, const Flags& flags, int rounds);
/// Runs `rounds` signal round trips between two ranks in one kernel. The rank with `first` set
/// sends first.
void floor_trips(cudaStream_t stream, const Flags& flags, int rounds, bool first);
/// Runs one barrier with one thread per peer.
void floor_barrier(cudaStream_t stream, const Flags& flags);
/// floor_signal increments this rank's word in the memory of the next rank. floor_wait waits until
/// the next rank has incremented its word in this rank's memory.
void floor_signal(cudaStream_t stream, const Flags& flags);
void floor_wait(cudaStream_t stream, const Flags& flags);
/// Adds one to `word` in GPU memory, then stores the new value in `report` in pinned host memory.
void floor_atomic(cudaStream_t stream, std::uint64_t* word, std::uint64_t* report);

// our_barriers and our_trips do the same as the floor functions, with symmem/device.cuh.
void our_barriers(cudaStream_t stream, Scope scope, const DeviceView& view, int rounds);
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first);

/// Runs `rounds` round trips of 8-byte packets between two ranks. The kernel polls `local` in this
/// rank's memory and stores to `remote` in the peer's memory. Counts packets with wrong data in
/// *wrong. `epoch` is in local memory and never decreases.
void floor_packets(cudaStream_t stream, void* remote, const void* local, std::uint64_t* epoch,
                   int rounds, bool first, std::uint64_t* wrong);
/// Does the same as floor_packets with symmem/device.cuh; the packet is at `offset` in the buffers.
void our_packets(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                 std::uint64_t* epoch, int rounds, bool first, std::uint64_t* wrong);

// Copies with a kernel of `blocks` blocks of 1024 threads; each load and each store moves 16 bytes.
// Addresses and sizes must be multiples of 16.
void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes);
/// our_put and our_get do the same as floor_copy with addresses from DeviceView::buffer.
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes);
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes);

// One-shot all-reduces: set `result` to the sum of all ranks' `input`.

/// Memory of the floor all-reduces. `buffers` are the ranks' buffers, laid out as in docs/examples
/// for kMostFloats and mapped into this process. `rounds` are the round counters by block. `flags`
/// is the first of the rows of flags, one row per block.
struct Parts {
  static constexpr unsigned kMostFloats = 1 << 18;
  static std::size_t bytes(int size);
  static std::size_t rounds_offset(int size);
  void* buffers[Flags::kMost] = {};
  std::uint64_t* rounds = nullptr;
  Flags flags;
};
/// Selects the kernel of docs/examples: `packets`, or `barrier` (plain stores and one barrier).
enum class By { packets, barrier };
/// Size of the grid of an all-reduce: one thread per 8 bytes (packets) or 16 bytes (barrier), in
/// blocks of at most 512 threads. The number of blocks is limited, because the blocks of all ranks
/// must be resident at the same time, also on one GPU, and each block needs a channel.
struct Grid {
  Grid(std::size_t bytes, By by, int ranks, int channels);
  int blocks, threads;
};
void floor_all_reduce(cudaStream_t stream, Grid grid, By by, const Parts& parts, const float* input,
                      float* result, std::size_t bytes);
void our_all_reduce(cudaStream_t stream, Grid grid, By by, const DeviceView& view,
                    const float* input, float* result, std::size_t bytes);

// Kernels that check a barrier: each rank increments its own word, calls the barrier, then compares
// the words of all ranks. The word of a peer that has passed the barrier may already be greater by
// one.

/// Adds one to the word at `offset` in this rank's buffer.
void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset);
/// Adds to *wrong the number of peers whose word is neither equal to this rank's word nor greater
/// by one.
void compare_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong);

}  // namespace symmem::bench
