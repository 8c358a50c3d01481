// SPDX-License-Identifier: Apache-2.0
#include "gpu_kernels.hpp"
#include "symmem/device.cuh"

namespace symmem::bench {
namespace {

constexpr int kChannel = 0;

__device__ void store_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

__device__ void await(const std::uint64_t* word, std::uint64_t value) {
  while (device::load_acquire(word) < value) {
  }
}

__global__ void floor_barriers_kernel(Flags flags, std::uint64_t begin, int rounds) {
  for (int i = 1; i <= rounds; ++i) {
    store_release(flags.theirs, begin + static_cast<std::uint64_t>(i));
    await(flags.mine, begin + static_cast<std::uint64_t>(i));
  }
}

__global__ void floor_trips_kernel(Flags flags, std::uint64_t begin, int rounds, bool first) {
  for (int i = 1; i <= rounds; ++i) {
    const std::uint64_t value = begin + static_cast<std::uint64_t>(i);
    if (first) store_release(flags.theirs, value);
    await(flags.mine, value);
    if (!first) store_release(flags.theirs, value);
  }
}

__global__ void floor_barrier_kernel(Flags flags, std::uint64_t* count) {
  const std::uint64_t value = *count + 1;
  store_release(flags.theirs, value);
  await(flags.mine, value);
  *count = value;
}

__global__ void floor_signal_kernel(Flags flags) { device::add_release(flags.theirs, 1); }

__global__ void floor_wait_kernel(Flags flags, std::uint64_t* count) {
  const std::uint64_t value = *count + 1;
  await(flags.mine, value);
  *count = value;
}

__global__ void our_barriers_kernel(DeviceView view, int rounds) {
  device::Barrier<device::Scope::warp> meet(view, kChannel);
  for (int i = 0; i < rounds && meet(); ++i) {
  }
}

__global__ void our_trips_kernel(DeviceView view, int rounds, bool first) {
  const int peer = 1 - view.rank;
  for (int i = 0; i < rounds; ++i) {
    if (first) device::put_signal(view, peer, kChannel);
    device::wait_signal(view, peer, kChannel);
    if (!first) device::put_signal(view, peer, kChannel);
  }
}

}  // namespace

void floor_barriers(cudaStream_t stream, Flags flags, std::uint64_t begin, int rounds) {
  floor_barriers_kernel<<<1, 1, 0, stream>>>(flags, begin, rounds);
}
void floor_trips(cudaStream_t stream, Flags flags, std::uint64_t begin, int rounds, bool first) {
  floor_trips_kernel<<<1, 1, 0, stream>>>(flags, begin, rounds, first);
}
void floor_barrier(cudaStream_t stream, Flags flags, std::uint64_t* count) {
  floor_barrier_kernel<<<1, 1, 0, stream>>>(flags, count);
}
void floor_signal(cudaStream_t stream, Flags flags) {
  floor_signal_kernel<<<1, 1, 0, stream>>>(flags);
}
void floor_wait(cudaStream_t stream, Flags flags, std::uint64_t* count) {
  floor_wait_kernel<<<1, 1, 0, stream>>>(flags, count);
}
void our_barriers(cudaStream_t stream, const DeviceView& view, int rounds) {
  our_barriers_kernel<<<1, 32, 0, stream>>>(view, rounds);
}
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first) {
  our_trips_kernel<<<1, 1, 0, stream>>>(view, rounds, first);
}

}  // namespace symmem::bench
