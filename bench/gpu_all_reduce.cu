// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gpu_floors.cuh"
#include "one_shot_all_reduce.cuh"

namespace symmem::bench {
namespace {

template <bool kMeets>
__global__ void floor_kernel(Parts parts, float4* result, unsigned count) {
  const Flags& flags = parts.flags;
  const int lane = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x);
  const bool meets = kMeets && lane < flags.size - 1;
  const Words words = words_of(flags, meets ? lane : 0, block);
  const std::uint64_t met = kMeets ? flags.count[block] : 0;
  if (meets) meet(words, met + 1);
  __syncthreads();
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    float4 sum = {0, 0, 0, 0};
    for (int peer = 0; peer < flags.size; ++peer) {
      const float4 part = reinterpret_cast<const float4*>(parts.of[peer])[i];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    result[i] = sum;
  }
  __syncthreads();
  if (meets) meet(words, met + 2);
  if (kMeets && lane == 0) flags.count[block] = met + 2;
}

}  // namespace

Grid::Grid(std::size_t bytes)
    : blocks(static_cast<int>(std::clamp<std::size_t>(bytes / (512 * sizeof(float4)), 1, 32))),
      threads(static_cast<int>(std::clamp<std::size_t>(bytes / sizeof(float4), 32, 512))) {}

void floor_all_reduce(cudaStream_t stream, Grid grid, const Parts& parts, float* result,
                      std::size_t bytes, bool meets) {
  const auto count = static_cast<unsigned>(bytes / sizeof(float4));
  auto* const sums = reinterpret_cast<float4*>(result);
  if (meets)
    floor_kernel<true><<<grid.blocks, grid.threads, 0, stream>>>(parts, sums, count);
  else
    floor_kernel<false><<<grid.blocks, grid.threads, 0, stream>>>(parts, sums, count);
}

void our_all_reduce(cudaStream_t stream, Grid grid, const DeviceView& view, float* result,
                    std::size_t bytes) {
  one_shot_all_reduce<<<grid.blocks, grid.threads, 0, stream>>>(
      view, result, static_cast<unsigned>(bytes / sizeof(float)));
}

}  // namespace symmem::bench
