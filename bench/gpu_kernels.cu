// SPDX-License-Identifier: Apache-2.0
#include "gpu_floors.cuh"
#include "symmem/device.cuh"

namespace symmem::bench {
namespace {

using device::Scope;

constexpr int kChannel = 0;
constexpr int kWarp = 32, kBlock = 256;

__global__ void nothing_kernel() {}

template <Scope kScope>
__device__ void together() {
  if constexpr (kScope == Scope::warp) __syncwarp();
  if constexpr (kScope == Scope::block) __syncthreads();
}

/// A thread a peer; the others wait for them.
template <Scope kScope>
__global__ void floor_barriers_kernel(Flags flags, int rounds) {
  const int lane = static_cast<int>(threadIdx.x);
  const bool meets = lane < flags.size - 1;
  const Words words = words_of(flags, meets ? lane : 0);
  std::uint64_t value = *flags.count;
  for (int i = 0; i < rounds; ++i) {
    ++value;
    together<kScope>();
    if (meets) meet(words, value);
    together<kScope>();
  }
  if (lane == 0) *flags.count = value;
}

__global__ void floor_trips_kernel(Flags flags, int rounds, bool first) {
  const Words words = words_of(flags, 0);
  std::uint64_t value = *flags.count;
  for (int i = 0; i < rounds; ++i) {
    ++value;
    if (first) store_release(words.theirs, value);
    await(words.mine, value);
    if (!first) store_release(words.theirs, value);
  }
  *flags.count = value;
}

__global__ void floor_signal_kernel(Flags flags) {
  device::add_release(words_of(flags, 0).theirs, 1);
}

__global__ void floor_wait_kernel(Flags flags) {
  const std::uint64_t value = *flags.count + 1;
  await(words_of(flags, 0).mine, value);
  *flags.count = value;
}

__global__ void floor_atomic_kernel(std::uint64_t* word, std::uint64_t* report) {
  store_release(report, 1 + atomicAdd_system(reinterpret_cast<unsigned long long*>(word), 1ull));
}

template <Scope kScope>
__global__ void our_barriers_kernel(DeviceView view, int rounds) {
  device::Barrier<kScope> barrier(view, kChannel);
  for (int i = 0; i < rounds && barrier(); ++i) {
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

/// What is sent in the packet of an epoch.
__device__ std::uint64_t data_of(std::uint64_t epoch) { return epoch * 0x9E3779B97F4A7C15u; }

__global__ void floor_packets_kernel(device::Packet* theirs, const device::Packet* mine,
                                     std::uint64_t* epoch, int rounds, bool first,
                                     std::uint64_t* wrong) {
  std::uint64_t at = *epoch, bad = 0;
  for (int i = 0; i < rounds; ++i) {
    ++at;
    if (first) device::store_packet(theirs, {data_of(at), at});
    device::Packet came;
    do came = device::load_packet(mine);
    while (came.epoch != at);
    if (!first) device::store_packet(theirs, {came.data, at});
    if (came.data != data_of(at)) ++bad;
  }
  *epoch = at;
  *wrong += bad;
}

__global__ void our_packets_kernel(DeviceView view, std::uint64_t place, std::uint64_t* epoch,
                                   int rounds, bool first, std::uint64_t* wrong) {
  const device::Packets packets(view, 1 - view.rank);
  std::uint64_t at = *epoch, bad = 0;
  for (int i = 0; i < rounds; ++i) {
    std::uint64_t came = 0;
    ++at;
    if (first) packets.put(place, data_of(at), at);
    if (!packets.wait(place, at, came)) break;
    if (!first) packets.put(place, came, at);
    if (came != data_of(at)) ++bad;
  }
  *epoch = at;
  *wrong += bad;
}

/// The share of one thread of all blocks together.
__device__ void copy(uint4* to, const uint4* from, std::size_t count) {
  constexpr int kUnder = 4;  // Loads under way at once.
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + (kUnder - 1) * stride < count; i += kUnder * stride) {
    uint4 words[kUnder];
#pragma unroll
    for (int k = 0; k < kUnder; ++k) words[k] = from[i + k * stride];
#pragma unroll
    for (int k = 0; k < kUnder; ++k) to[i + k * stride] = words[k];
  }
  for (; i < count; i += stride) to[i] = from[i];
}

__global__ void floor_copy_kernel(uint4* to, const uint4* from, std::size_t count) {
  copy(to, from, count);
}
__global__ void our_put_kernel(DeviceView view, int dst, std::size_t at, const uint4* source,
                               std::size_t count) {
  copy(device::buffer<uint4>(view, dst) + at, source, count);
}
__global__ void our_get_kernel(DeviceView view, int src, std::size_t at, uint4* target,
                               std::size_t count) {
  copy(target, device::buffer<const uint4>(view, src) + at, count);
}

__global__ void count_up_kernel(DeviceView view, std::size_t at) {
  // Volatile is relaxed at system scope: a peer may look meanwhile.
  auto* const word = device::buffer<volatile std::uint64_t>(view, view.rank) + at;
  *word = *word + 1;
}

__global__ void look_kernel(DeviceView view, std::size_t at, std::uint64_t* wrong) {
  const std::uint64_t ours = device::load_local(device::buffer<std::uint64_t>(view, view.rank) + at);
  for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size; peer += kWarp) {
    const std::uint64_t theirs =
        device::load_acquire(device::buffer<const std::uint64_t>(view, peer) + at);
    if (theirs - ours > 1) atomicAdd(reinterpret_cast<unsigned long long*>(wrong), 1ull);
  }
}

}  // namespace

void empty_kernel(cudaStream_t stream) { nothing_kernel<<<1, 1, 0, stream>>>(); }

void floor_barriers(cudaStream_t stream, Shape shape, const Flags& flags, int rounds) {
  switch (shape) {
    case Shape::thread:
      return floor_barriers_kernel<Scope::thread><<<1, 1, 0, stream>>>(flags, rounds);
    case Shape::warp:
      return floor_barriers_kernel<Scope::warp><<<1, kWarp, 0, stream>>>(flags, rounds);
    case Shape::block:
      return floor_barriers_kernel<Scope::block><<<1, kBlock, 0, stream>>>(flags, rounds);
  }
}
void floor_trips(cudaStream_t stream, const Flags& flags, int rounds, bool first) {
  floor_trips_kernel<<<1, 1, 0, stream>>>(flags, rounds, first);
}
void floor_barrier(cudaStream_t stream, const Flags& flags) {
  floor_barriers(stream, flags.size == 2 ? Shape::thread : Shape::warp, flags, 1);
}
void floor_signal(cudaStream_t stream, const Flags& flags) {
  floor_signal_kernel<<<1, 1, 0, stream>>>(flags);
}
void floor_wait(cudaStream_t stream, const Flags& flags) {
  floor_wait_kernel<<<1, 1, 0, stream>>>(flags);
}
void floor_atomic(cudaStream_t stream, std::uint64_t* word, std::uint64_t* report) {
  floor_atomic_kernel<<<1, 1, 0, stream>>>(word, report);
}

void our_barriers(cudaStream_t stream, Shape shape, const DeviceView& view, int rounds) {
  switch (shape) {
    case Shape::thread:
      return our_barriers_kernel<Scope::thread><<<1, 1, 0, stream>>>(view, rounds);
    case Shape::warp:
      return our_barriers_kernel<Scope::warp><<<1, kWarp, 0, stream>>>(view, rounds);
    case Shape::block:
      return our_barriers_kernel<Scope::block><<<1, kBlock, 0, stream>>>(view, rounds);
  }
}
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first) {
  our_trips_kernel<<<1, 1, 0, stream>>>(view, rounds, first);
}

void floor_packets(cudaStream_t stream, void* theirs, const void* mine, std::uint64_t* epoch,
                   int rounds, bool first, std::uint64_t* wrong) {
  floor_packets_kernel<<<1, 1, 0, stream>>>(static_cast<device::Packet*>(theirs),
                                            static_cast<const device::Packet*>(mine), epoch, rounds,
                                            first, wrong);
}
void our_packets(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                 std::uint64_t* epoch, int rounds, bool first, std::uint64_t* wrong) {
  our_packets_kernel<<<1, 1, 0, stream>>>(view, offset / sizeof(device::Packet), epoch, rounds,
                                          first, wrong);
}

constexpr int kCopying = 1024;

void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes) {
  floor_copy_kernel<<<blocks, kCopying, 0, stream>>>(
      static_cast<uint4*>(to), static_cast<const uint4*>(from), bytes / sizeof(uint4));
}
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes) {
  our_put_kernel<<<blocks, kCopying, 0, stream>>>(
      view, dst, offset / sizeof(uint4), static_cast<const uint4*>(source), bytes / sizeof(uint4));
}
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes) {
  our_get_kernel<<<blocks, kCopying, 0, stream>>>(
      view, src, offset / sizeof(uint4), static_cast<uint4*>(target), bytes / sizeof(uint4));
}

void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset) {
  count_up_kernel<<<1, 1, 0, stream>>>(view, offset / sizeof(std::uint64_t));
}
void look_at_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong) {
  look_kernel<<<1, kWarp, 0, stream>>>(view, offset / sizeof(std::uint64_t), wrong);
}

}  // namespace symmem::bench
