// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gpu_floors.cuh"
#include "one_shot_all_reduce.cuh"

namespace symmem::bench {
namespace {

using device::Packet;

constexpr int kThreads = 512;

// The floor kernels contain only the stores, loads and polls that an all-reduce requires.

/// The number of the current round, the set in the buffer that this round uses, and the elements of
/// this thread.
struct Round {
  __device__ Round(const Parts& parts)
      : rank(parts.flags.rank),
        size(parts.flags.size),
        row(Parts::kMostFloats / 2),
        number(parts.rounds[blockIdx.x] + 1),
        set(number % 2 * row * size),
        begin(blockIdx.x * blockDim.x + threadIdx.x),
        step(gridDim.x * blockDim.x) {}
  __device__ void end(const Parts& parts) const {
    __syncthreads();
    for (unsigned i = blockIdx.x + gridDim.x * threadIdx.x; i < AllReduceBuffer::kMostBlocks;
         i += step)
      parts.rounds[i] = number;
  }
  int rank, size;
  std::size_t row;
  std::uint64_t number;
  std::size_t set;
  unsigned begin, step;
};

__global__ void floor_packets_kernel(Parts parts, const std::uint64_t* input, float2* result,
                                     unsigned count) {
  const Round round(parts);
  for (int k = round.rank + 1; k < round.rank + round.size; ++k) {
    auto* const remote = static_cast<Packet*>(parts.buffers[k < round.size ? k : k - round.size]);
    for (unsigned i = round.begin; i < count; i += round.step)
      device::internal::store_packet(remote + round.set + round.rank * round.row + i,
                                     {input[i], round.number});
  }
  const auto* const local = static_cast<const Packet*>(parts.buffers[round.rank]) + round.set;
  for (unsigned i = round.begin; i < count; i += round.step) {
    float2 sum = {0, 0};
    const std::uint64_t own = input[i];
    for (int from = 0; from < round.size; ++from) {
      Packet packet{own, round.number};
      if (from != round.rank) do
          packet = device::internal::load_packet(local + from * round.row + i);
        while (packet.epoch != round.number);
      sum.x += __uint_as_float(static_cast<unsigned>(packet.data));
      sum.y += __uint_as_float(static_cast<unsigned>(packet.data >> 32));
    }
    result[i] = sum;
  }
  round.end(parts);
}

__global__ void floor_barrier_kernel(Parts parts, const float4* input, float4* result,
                                     unsigned count) {
  const Round round(parts);
  for (int k = round.rank + 1; k < round.rank + round.size; ++k) {
    auto* const remote = static_cast<float4*>(parts.buffers[k < round.size ? k : k - round.size]);
    for (unsigned i = round.begin; i < count; i += round.step)
      remote[round.set + round.rank * round.row + i] = input[i];
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < round.size - 1)
    exchange(words_of(parts.flags, lane, static_cast<int>(blockIdx.x)), round.number);
  __syncthreads();
  const auto* const local = static_cast<const float4*>(parts.buffers[round.rank]) + round.set;
  for (unsigned i = round.begin; i < count; i += round.step) {
    float4 sum = {0, 0, 0, 0};
    for (int from = 0; from < round.size; ++from) {
      const float4 part = from == round.rank ? input[i] : local[from * round.row + i];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    result[i] = sum;
  }
  round.end(parts);
}

}  // namespace

std::size_t Parts::bytes(int size) { return AllReduceBuffer(size, kMostFloats).bytes(); }

std::size_t Parts::rounds_offset(int size) {
  return bytes(size) - AllReduceBuffer::kMostBlocks * sizeof(std::uint64_t);
}

Grid::Grid(std::size_t bytes, By by, int ranks, int channels) {
  const auto wanted = static_cast<int>(bytes / (by == By::packets ? 8 : 16));
  const int most = static_cast<int>(AllReduceBuffer::kMostBlocks) / ranks;
  threads = std::clamp(wanted, 32, kThreads);
  blocks = std::clamp(wanted / kThreads, 1, std::min(most, channels));
}

void floor_all_reduce(cudaStream_t stream, Grid grid, By by, const Parts& parts, const float* input,
                      float* result, std::size_t bytes) {
  if (by == By::packets)
    floor_packets_kernel<<<grid.blocks, grid.threads, 0, stream>>>(
        parts, reinterpret_cast<const std::uint64_t*>(input), reinterpret_cast<float2*>(result),
        static_cast<unsigned>(bytes / sizeof(float2)));
  else
    floor_barrier_kernel<<<grid.blocks, grid.threads, 0, stream>>>(
        parts, reinterpret_cast<const float4*>(input), reinterpret_cast<float4*>(result),
        static_cast<unsigned>(bytes / sizeof(float4)));
}

void our_all_reduce(cudaStream_t stream, Grid grid, By by, const DeviceView& view,
                    const float* input, float* result, std::size_t bytes) {
  const auto kernel = by == By::packets ? one_shot_all_reduce : one_shot_all_reduce_large;
  kernel<<<grid.blocks, grid.threads, 0, stream>>>(
      view, input, result, static_cast<unsigned>(bytes / sizeof(float)), Parts::kMostFloats);
}

}  // namespace symmem::bench
