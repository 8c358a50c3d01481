// SPDX-License-Identifier: Apache-2.0
#include "gpu_floors.cuh"
#include "symmem/device.cuh"

namespace symmem::bench {
namespace {

constexpr int kChannel = 0;
constexpr int kWarp = 32, kBlock = 256;

__global__ void nothing_kernel() {}

/// One thread per peer exchanges words with this peer; the other threads wait at the barrier of the
/// scope.
template <Scope kScope>
__global__ void floor_barriers_kernel(Flags flags, int rounds) {
  const int lane = static_cast<int>(threadIdx.x);
  const bool has_peer = lane < flags.size - 1;
  const Words words = words_of(flags, has_peer ? lane : 0);
  std::uint64_t value = *flags.count;
  for (int i = 0; i < rounds; ++i) {
    ++value;
    device::internal::sync<kScope>();
    if (has_peer) exchange(words, value);
    device::internal::sync<kScope>();
  }
  if (lane == 0) *flags.count = value;
}

__global__ void floor_trips_kernel(Flags flags, int rounds, bool first) {
  const Words words = words_of(flags, 0);
  std::uint64_t value = *flags.count;
  for (int i = 0; i < rounds; ++i) {
    ++value;
    if (first) store_release(words.remote, value);
    await(words.local, value);
    if (!first) store_release(words.remote, value);
  }
  *flags.count = value;
}

__global__ void floor_signal_kernel(Flags flags) {
  device::internal::add_release(words_of(flags, 0).remote, 1);
}

__global__ void floor_wait_kernel(Flags flags) {
  const std::uint64_t value = *flags.count + 1;
  await(words_of(flags, 0).local, value);
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

/// Returns the data of the packet with number `epoch`.
__device__ std::uint64_t data_of(std::uint64_t epoch) { return epoch * 0x9E3779B97F4A7C15u; }

__global__ void floor_packets_kernel(device::Packet* remote, const device::Packet* local,
                                     std::uint64_t* epoch, int rounds, bool first,
                                     std::uint64_t* wrong) {
  std::uint64_t at = *epoch, bad = 0;
  for (int i = 0; i < rounds; ++i) {
    ++at;
    if (first) device::internal::store_packet(remote, {data_of(at), at});
    device::Packet received;
    do received = device::internal::load_packet(local);
    while (received.epoch != at);
    if (!first) device::internal::store_packet(remote, {received.data, at});
    if (received.data != data_of(at)) ++bad;
  }
  *epoch = at;
  *wrong += bad;
}

__global__ void our_packets_kernel(DeviceView view, std::uint64_t index, std::uint64_t* epoch,
                                   int rounds, bool first, std::uint64_t* wrong) {
  const device::Packets packets(view, 1 - view.rank);
  std::uint64_t at = *epoch, bad = 0;
  for (int i = 0; i < rounds; ++i) {
    std::uint64_t received = 0;
    ++at;
    if (first) packets.put(index, data_of(at), at);
    if (!packets.wait(index, at, received)) break;
    if (!first) packets.put(index, received, at);
    if (received != data_of(at)) ++bad;
  }
  *epoch = at;
  *wrong += bad;
}

/// Copies the words that belong to the calling thread; the threads of the grid together copy all
/// words.
__device__ void copy(uint4* to, const uint4* from, std::size_t count) {
  constexpr int kInFlight = 4;  // Loads in flight per thread.
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + (kInFlight - 1) * stride < count; i += kInFlight * stride) {
    uint4 words[kInFlight];
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) words[k] = from[i + k * stride];
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) to[i + k * stride] = words[k];
  }
  for (; i < count; i += stride) to[i] = from[i];
}

__global__ void floor_copy_kernel(uint4* to, const uint4* from, std::size_t count) {
  copy(to, from, count);
}
__global__ void our_put_kernel(DeviceView view, int dst, std::size_t at, const uint4* source,
                               std::size_t count) {
  copy(view.buffer<uint4>(dst) + at, source, count);
}
__global__ void our_get_kernel(DeviceView view, int src, std::size_t at, uint4* target,
                               std::size_t count) {
  copy(target, view.buffer<const uint4>(src) + at, count);
}

__global__ void count_up_kernel(DeviceView view, std::size_t at) {
  // Volatile accesses are relaxed at system scope: a peer may load concurrently.
  auto* const word = view.buffer<volatile std::uint64_t>(view.rank) + at;
  *word = *word + 1;
}

__global__ void compare_kernel(DeviceView view, std::size_t at, std::uint64_t* wrong) {
  const std::uint64_t own =
      device::internal::load_local(view.buffer<std::uint64_t>(view.rank) + at);
  for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size; peer += kWarp) {
    const std::uint64_t remote =
        device::internal::load_acquire(view.buffer<const std::uint64_t>(peer) + at);
    if (remote - own > 1) atomicAdd(reinterpret_cast<unsigned long long*>(wrong), 1ull);
  }
}

}  // namespace

void empty_kernel(cudaStream_t stream) { nothing_kernel<<<1, 1, 0, stream>>>(); }

void floor_barriers(cudaStream_t stream, Scope scope, const Flags& flags, int rounds) {
  switch (scope) {
    case Scope::thread:
      return floor_barriers_kernel<Scope::thread><<<1, 1, 0, stream>>>(flags, rounds);
    case Scope::warp:
      return floor_barriers_kernel<Scope::warp><<<1, kWarp, 0, stream>>>(flags, rounds);
    case Scope::block:
      return floor_barriers_kernel<Scope::block><<<1, kBlock, 0, stream>>>(flags, rounds);
  }
}
void floor_trips(cudaStream_t stream, const Flags& flags, int rounds, bool first) {
  floor_trips_kernel<<<1, 1, 0, stream>>>(flags, rounds, first);
}
void floor_barrier(cudaStream_t stream, const Flags& flags) {
  floor_barriers(stream, flags.size == 2 ? Scope::thread : Scope::warp, flags, 1);
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

void our_barriers(cudaStream_t stream, Scope scope, const DeviceView& view, int rounds) {
  switch (scope) {
    case Scope::thread:
      return our_barriers_kernel<Scope::thread><<<1, 1, 0, stream>>>(view, rounds);
    case Scope::warp:
      return our_barriers_kernel<Scope::warp><<<1, kWarp, 0, stream>>>(view, rounds);
    case Scope::block:
      return our_barriers_kernel<Scope::block><<<1, kBlock, 0, stream>>>(view, rounds);
  }
}
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first) {
  our_trips_kernel<<<1, 1, 0, stream>>>(view, rounds, first);
}

void floor_packets(cudaStream_t stream, void* remote, const void* local, std::uint64_t* epoch,
                   int rounds, bool first, std::uint64_t* wrong) {
  floor_packets_kernel<<<1, 1, 0, stream>>>(static_cast<device::Packet*>(remote),
                                            static_cast<const device::Packet*>(local), epoch,
                                            rounds, first, wrong);
}
void our_packets(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                 std::uint64_t* epoch, int rounds, bool first, std::uint64_t* wrong) {
  our_packets_kernel<<<1, 1, 0, stream>>>(view, offset / sizeof(device::Packet), epoch, rounds,
                                          first, wrong);
}

constexpr int kCopyThreads = 1024;

void floor_copy(cudaStream_t stream, int blocks, void* to, const void* from, std::size_t bytes) {
  floor_copy_kernel<<<blocks, kCopyThreads, 0, stream>>>(
      static_cast<uint4*>(to), static_cast<const uint4*>(from), bytes / sizeof(uint4));
}
void our_put(cudaStream_t stream, int blocks, const DeviceView& view, int dst, std::size_t offset,
             const void* source, std::size_t bytes) {
  our_put_kernel<<<blocks, kCopyThreads, 0, stream>>>(
      view, dst, offset / sizeof(uint4), static_cast<const uint4*>(source), bytes / sizeof(uint4));
}
void our_get(cudaStream_t stream, int blocks, const DeviceView& view, int src, std::size_t offset,
             void* target, std::size_t bytes) {
  our_get_kernel<<<blocks, kCopyThreads, 0, stream>>>(
      view, src, offset / sizeof(uint4), static_cast<uint4*>(target), bytes / sizeof(uint4));
}

void count_up(cudaStream_t stream, const DeviceView& view, std::size_t offset) {
  count_up_kernel<<<1, 1, 0, stream>>>(view, offset / sizeof(std::uint64_t));
}
void compare_counts(cudaStream_t stream, const DeviceView& view, std::size_t offset,
                    std::uint64_t* wrong) {
  compare_kernel<<<1, kWarp, 0, stream>>>(view, offset / sizeof(std::uint64_t), wrong);
}

}  // namespace symmem::bench
