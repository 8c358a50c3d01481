// SPDX-License-Identifier: Apache-2.0
// Kernels of a one-shot all-reduce: each rank writes its input to every rank, then adds the
// received inputs. Small inputs are sent in packets; larger inputs use plain stores and a barrier.
// `input` and `result` may be in any memory, aligned to 16 bytes.
#pragma once

#include <symmem/device.cuh>

/// Layout of a symmetric buffer for one of the kernels, for inputs of up to `most` floats:
///
///   set 0 (even rounds) | set 1 (odd rounds) | number of the last round, for each block
///
/// There are two sets, because peers may still read the set of the previous round. A set has one
/// row per sending rank. Zero the buffer on all ranks, then call a barrier, before the first call
/// and after a failure. All ranks make the same calls, one at a time, with 4 to `most` floats;
/// `most` and the number of floats are multiples of 4. Blocks are one-dimensional. There are at
/// most kMostBlocks blocks, and the blocks of all ranks must be resident.
struct AllReduceBuffer {
  static constexpr unsigned kMostBlocks = 128;

  __host__ __device__ AllReduceBuffer(int world_size, std::size_t most)
      : row(most / 2), set(world_size * row) {}
  __host__ __device__ std::size_t bytes() const {
    return 2 * set * sizeof(symmem::device::Packet) + kMostBlocks * sizeof(std::uint64_t);
  }
  __device__ std::uint64_t* rounds(const symmem::DeviceView& view) const {
    using symmem::device::Packet;
    return reinterpret_cast<std::uint64_t*>(view.buffer<Packet>(view.rank) + 2 * set);
  }
  /// Stores `round` at the end of a kernel, also for blocks that this grid does not have, because
  /// the next grid may be larger.
  __device__ void count(const symmem::DeviceView& view, std::uint64_t round) const {
    __syncthreads();  // All threads of the block have read the round.
    for (unsigned i = blockIdx.x + gridDim.x * threadIdx.x; i < kMostBlocks;
         i += gridDim.x * blockDim.x)
      rounds(view)[i] = round;
  }

  std::size_t row, set;  ///< In units of 16 bytes: one packet (two floats) or four floats.
};

/// Writes the sums of all ranks' `input` (`count` floats) to `result`. Intended for inputs of up to
/// several hundred KiB, because a packet contains only two floats.
__global__ void one_shot_all_reduce(symmem::DeviceView view, const float* input, float* result,
                                    unsigned count, unsigned most) {
  using symmem::device::Packets;
  const AllReduceBuffer all(view.world_size, most);
  const std::uint64_t round = all.rounds(view)[blockIdx.x] + 1;
  if (symmem::device::has_failed(view)) return;  // Peers may still read this set.
  const std::size_t set = round % 2 * all.set;
  const unsigned begin = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  const auto* const own = reinterpret_cast<const std::uint64_t*>(input);
  for (int next = view.rank + 1; next < view.rank + view.world_size; ++next) {
    const Packets packets(view, next < view.world_size ? next : next - view.world_size);
    for (unsigned i = begin; i < count / 2; i += step)
      packets.put(set + view.rank * all.row + i, own[i], round);
  }
  for (unsigned i = begin; i < count / 2; i += step) {
    const std::uint64_t local = own[i];
    float2 sum = {0, 0};
    for (int rank = 0; rank < view.world_size; ++rank) {  // Same order on all ranks.
      std::uint64_t both = local;
      if (rank != view.rank && !Packets(view, rank).wait(set + rank * all.row + i, round, both))
        return;  // The next host call on the memory throws the failure.
      sum.x += __uint_as_float(static_cast<unsigned>(both));
      sum.y += __uint_as_float(static_cast<unsigned>(both >> 32));
    }
    reinterpret_cast<float2*>(result)[i] = sum;
  }
  all.count(view, round);
}

/// Computes the same sums for larger inputs. Each block uses the barrier of its own channel, so
/// there are at most as many blocks as channels.
__global__ void one_shot_all_reduce_large(symmem::DeviceView view, const float* input,
                                          float* result, unsigned count, unsigned most) {
  using symmem::device::Scope;
  const AllReduceBuffer all(view.world_size, most);
  const std::uint64_t round = all.rounds(view)[blockIdx.x] + 1;
  if (symmem::device::has_failed(view)) return;  // Peers may still read this set.
  const std::size_t set = round % 2 * all.set;
  const unsigned begin = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  const auto* const own = reinterpret_cast<const float4*>(input);
  for (int next = view.rank + 1; next < view.rank + view.world_size; ++next) {
    const int rank = next < view.world_size ? next : next - view.world_size;
    float4* const remote = view.buffer<float4>(rank) + set;
    for (unsigned i = begin; i < count / 4; i += step) remote[view.rank * all.row + i] = own[i];
  }
  if (!symmem::device::barrier<Scope::block>(view, static_cast<int>(blockIdx.x))) return;
  const float4* const local = view.buffer<const float4>(view.rank) + set;
  for (unsigned i = begin; i < count / 4; i += step) {
    float4 sum = {0, 0, 0, 0};
    for (int rank = 0; rank < view.world_size; ++rank) {
      const float4 part = rank == view.rank ? own[i] : local[rank * all.row + i];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    reinterpret_cast<float4*>(result)[i] = sum;
  }
  all.count(view, round);
}
