// SPDX-License-Identifier: Apache-2.0
// For ptx.sh: kernels that do nothing with memory but signal and wait, so that each access that the
// compiler makes of them is one to a word of a pad, to the rank's own words, to the marks of a
// failure, or to the tables of pointers.
#include "symmem/device.cuh"

namespace symmem::gpu {

__global__ void signals_of_thread(DeviceView view, int peer, int channel) {
  device::put_signal(view, peer, channel);
  if (!device::wait_signal(view, peer, channel)) return;
  device::barrier(view, channel);
}

__global__ void signals_of_warp(DeviceView view, int peer, int channel) {
  device::put_signal_warp(view, peer, channel);
  if (!device::wait_signal_warp(view, peer, channel)) return;
  device::barrier_warp(view, channel);
}

__global__ void signals_of_block(DeviceView view, int peer, int channel) {
  device::put_signal_block(view, peer, channel);
  if (!device::wait_signal_block(view, peer, channel)) return;
  device::barrier_block(view, channel);
}

template <device::Scope kScope>
__device__ void meet_often(const DeviceView& view, int channel, int rounds) {
  device::Barrier<kScope> meet(view, channel);
  for (int round = 0; round < rounds && meet(); ++round) {
  }
}
__global__ void barriers_of_thread(DeviceView view, int channel, int rounds) {
  meet_often<device::Scope::thread>(view, channel, rounds);
}
__global__ void barriers_of_warp(DeviceView view, int channel, int rounds) {
  meet_often<device::Scope::warp>(view, channel, rounds);
}
__global__ void barriers_of_block(DeviceView view, int channel, int rounds) {
  meet_often<device::Scope::block>(view, channel, rounds);
}

__global__ void packets(DeviceView view, int peer, std::uint64_t epoch) {
  std::uint64_t data = epoch;
  const device::Packets packets(view, peer);
  packets.put(threadIdx.x, data, epoch);
  if (!packets.wait(threadIdx.x, epoch, data)) return;
  packets.put(threadIdx.x, data, epoch + 1);
}

}  // namespace symmem::gpu
