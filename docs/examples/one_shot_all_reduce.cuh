// SPDX-License-Identifier: Apache-2.0
// The kernel of a one-shot all-reduce: every rank loads what all ranks have, and adds it up. It
// uses symmem/device.cuh alone; each block has a channel of its own for its barriers.
#pragma once

#include <symmem/device.cuh>

/// `result` becomes the sums of the first `count` floats of all ranks' buffers, a multiple of 4.
/// Blocks are at most as many as channels, and one-dimensional.
__global__ void one_shot_all_reduce(symmem::DeviceView view, float* result, unsigned count) {
  const int channel = static_cast<int>(blockIdx.x);
  // All have written what they add.
  if (!symmem::device::barrier_block(view, channel)) return;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count / 4;
       i += gridDim.x * blockDim.x) {
    float4 sum = {0, 0, 0, 0};
    for (int peer = 0; peer < view.world_size; ++peer) {
      const float4 part = symmem::device::buffer<const float4>(view, peer)[i];
      sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
    }
    reinterpret_cast<float4*>(result)[i] = sum;
  }
  symmem::device::barrier_block(view, channel);  // All have read it: it may be written again.
}
