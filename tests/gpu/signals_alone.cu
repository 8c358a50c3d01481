// SPDX-License-Identifier: Apache-2.0
// Kernels for ptx.sh that access memory only to signal and wait. Each access in the compiled code
// is to a word of a signal pad, to this rank's counters, to the failure marks, or to the tables of
// pointers.
#include "symmem/device.cuh"

namespace symmem::gpu {

using device::Scope;

template <Scope kScope>
__device__ void signal_wait_barrier(const DeviceView& view, int peer, int channel) {
  device::put_signal<kScope>(view, peer, channel);
  if (!device::wait_signal<kScope>(view, peer, channel)) return;
  device::barrier<kScope>(view, channel);
}
__global__ void signals_of_thread(DeviceView view, int peer, int channel) {
  signal_wait_barrier<Scope::thread>(view, peer, channel);
}
__global__ void signals_of_warp(DeviceView view, int peer, int channel) {
  signal_wait_barrier<Scope::warp>(view, peer, channel);
}
__global__ void signals_of_block(DeviceView view, int peer, int channel) {
  signal_wait_barrier<Scope::block>(view, peer, channel);
}

template <Scope kScope>
__device__ void repeat_barrier(const DeviceView& view, int channel, int rounds) {
  device::Barrier<kScope> barrier(view, channel);
  for (int round = 0; round < rounds && barrier(); ++round) {
  }
}
__global__ void barriers_of_thread(DeviceView view, int channel, int rounds) {
  repeat_barrier<Scope::thread>(view, channel, rounds);
}
__global__ void barriers_of_warp(DeviceView view, int channel, int rounds) {
  repeat_barrier<Scope::warp>(view, channel, rounds);
}
__global__ void barriers_of_block(DeviceView view, int channel, int rounds) {
  repeat_barrier<Scope::block>(view, channel, rounds);
}

__global__ void packets(DeviceView view, int peer, std::uint64_t epoch) {
  std::uint64_t data = epoch;
  const device::Packets packets(view, peer);
  packets.put(threadIdx.x, data, epoch);
  if (!packets.wait(threadIdx.x, epoch, data)) return;
  packets.put(threadIdx.x, data, epoch + 1);
}

}  // namespace symmem::gpu
