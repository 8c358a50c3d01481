// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_kernels.hpp"
#include "one_shot_all_reduce.cuh"

namespace symmem::gpu {

void launch_all_reduce(cudaStream_t stream, const DeviceView& view, bool by_packets,
                       const float* input, float* result, unsigned count) {
  const auto kernel = by_packets ? one_shot_all_reduce : one_shot_all_reduce_large;
  kernel<<<1, 128, 0, stream>>>(view, input, result, count, count);
}

std::size_t all_reduce_words(int world_size, unsigned count) {
  return AllReduceBuffer(world_size, count).bytes() / sizeof(std::uint64_t);
}

}  // namespace symmem::gpu
