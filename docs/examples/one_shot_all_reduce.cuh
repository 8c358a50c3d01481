// SPDX-License-Identifier: Apache-2.0
// The kernels of a one-shot all-reduce: every rank sends all it has to every rank, and adds up what
// comes. Small data go as packets, larger ones by plain stores and a barrier. They use
// symmem/device.cuh alone; input and result may be any memory, at multiples of 16.
#pragma once

#include <symmem/device.cuh>

/// What the buffer of `view` has for one of the kernels: two sets of places, for odd rounds and for
/// even ones, so that nobody writes what others still read; in each a row for each rank that sends;
/// behind them for each block that there may be the rounds that were. Zeroed on all ranks before
/// the first call, and again after a failure, with a barrier behind. All ranks make the same calls,
/// one at a time, of 4 to `most` floats, both multiples of 4; blocks are one-dimensional, up to
/// kMostBlocks, and so many that those of all ranks are resident.
struct AllReduceBuffer {
  static constexpr unsigned kMostBlocks = 128;

  __host__ __device__ AllReduceBuffer(int world_size, std::size_t most)
      : row(most / 2), set(world_size * row) {}
  __host__ __device__ std::size_t bytes() const {
    return 2 * set * sizeof(symmem::device::Packet) + kMostBlocks * sizeof(std::uint64_t);
  }
  __device__ std::uint64_t* rounds(const symmem::DeviceView& view) const {
    using symmem::device::Packet;
    return reinterpret_cast<std::uint64_t*>(symmem::device::buffer<Packet>(view, view.rank) +
                                            2 * set);
  }
  /// At the end. Those of blocks that are not there, too: grids may differ.
  __device__ void count(const symmem::DeviceView& view, std::uint64_t round) const {
    __syncthreads();  // All threads of the block have read its counter.
    for (unsigned i = blockIdx.x + gridDim.x * threadIdx.x; i < kMostBlocks;
         i += gridDim.x * blockDim.x)
      rounds(view)[i] = round;
  }

  std::size_t row, set;  ///< In 16 bytes: a packet of two floats, or four floats.
};

/// `result` becomes the sums of the `count` floats of all ranks' `input`, up to some hundred KiB: a
/// packet brings two.
__global__ void one_shot_all_reduce(symmem::DeviceView view, const float* input, float* result,
                                    unsigned count, unsigned most) {
  using symmem::device::Packets;
  const AllReduceBuffer all(view.world_size, most);
  const std::uint64_t round = all.rounds(view)[blockIdx.x] + 1;
  if (symmem::device::has_failed(view)) return;  // Others may still read what this would write.
  const std::size_t places = round % 2 * all.set;
  const unsigned begin = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  const auto* const mine = reinterpret_cast<const std::uint64_t*>(input);
  for (int next = view.rank + 1; next < view.rank + view.world_size; ++next) {
    const Packets packets(view, next < view.world_size ? next : next - view.world_size);
    for (unsigned i = begin; i < count / 2; i += step)
      packets.put(places + view.rank * all.row + i, mine[i], round);
  }
  for (unsigned i = begin; i < count / 2; i += step) {
    const std::uint64_t own = mine[i];
    float2 sum = {0, 0};
    for (int rank = 0; rank < view.world_size; ++rank) {  // In the same order on all: equal sums.
      std::uint64_t both = own;
      if (rank != view.rank && !Packets(view, rank).wait(places + rank * all.row + i, round, both))
        return;  // A rank did not come: the host's next call on the memory throws why.
      sum.x += __uint_as_float(static_cast<unsigned>(both));
      sum.y += __uint_as_float(static_cast<unsigned>(both >> 32));
    }
    reinterpret_cast<float2*>(result)[i] = sum;
  }
  all.count(view, round);
}

/// The same for larger data. Each block meets those of the other ranks
/// on a channel of its own: they are at most as many as channels.
__global__ void one_shot_all_reduce_large(symmem::DeviceView view, const float* input,
                                          float* result, unsigned count, unsigned most) {
  using symmem::device::buffer;
  const AllReduceBuffer all(view.world_size, most);
  const std::uint64_t round = all.rounds(view)[blockIdx.x] + 1;
  if (symmem::device::has_failed(view)) return;  // Others may still read what this would write.
  const std::size_t places = round % 2 * all.set;
  const unsigned begin = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  const auto* const mine = reinterpret_cast<const float4*>(input);
  for (int next = view.rank + 1; next < view.rank + view.world_size; ++next) {
    const int rank = next < view.world_size ? next : next - view.world_size;
    float4* const theirs = buffer<float4>(view, rank) + places;
    for (unsigned i = begin; i < count / 4; i += step) theirs[view.rank * all.row + i] = mine[i];
  }
  if (!symmem::device::barrier_block(view, static_cast<int>(blockIdx.x))) return;
  const float4* const here = buffer<const float4>(view, view.rank) + places;
  for (unsigned i = begin; i < count / 4; i += step) {
    float4 sum = {0, 0, 0, 0};
    for (int rank = 0; rank < view.world_size; ++rank) {
      const float4 part = rank == view.rank ? mine[i] : here[rank * all.row + i];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    reinterpret_cast<float4*>(result)[i] = sum;
  }
  all.count(view, round);
}
