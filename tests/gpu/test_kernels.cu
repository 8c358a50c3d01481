// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_kernels.hpp"

#include "symmem/device.cuh"

namespace symmem::gpu {
namespace {

template <Scope scope>
__device__ void signal(const DeviceView& view, int dst, int channel) {
  if constexpr (scope == Scope::thread) device::put_signal(view, dst, channel);
  if constexpr (scope == Scope::warp) device::put_signal_warp(view, dst, channel);
  if constexpr (scope == Scope::block) device::put_signal_block(view, dst, channel);
}

template <Scope scope>
__device__ bool wait(const DeviceView& view, int src, int channel, std::uint64_t timeout_ns) {
  if constexpr (scope == Scope::thread) return device::wait_signal(view, src, channel, timeout_ns);
  if constexpr (scope == Scope::warp)
    return device::wait_signal_warp(view, src, channel, timeout_ns);
  return device::wait_signal_block(view, src, channel, timeout_ns);
}

template <Scope scope>
__device__ bool all_meet(const DeviceView& view, int channel) {
  if constexpr (scope == Scope::thread) return device::barrier(view, channel);
  if constexpr (scope == Scope::warp) return device::barrier_warp(view, channel);
  return device::barrier_block(view, channel);
}

/// Each thread has a word of its own at the peer, so that all must be seen by all.
template <Scope scope>
__global__ void ring(DeviceView view, int rounds, unsigned* wrong) {
  const int next = (view.rank + 1) % view.world_size;
  const int previous = (view.rank + view.world_size - 1) % view.world_size;
  auto* theirs = device::buffer<volatile std::uint64_t>(view, next);
  auto* ours = device::buffer<volatile std::uint64_t>(view, view.rank);
  const unsigned other = (threadIdx.x + 1) % blockDim.x;
  for (int round = 1; round <= rounds; ++round) {
    theirs[threadIdx.x] = static_cast<std::uint64_t>(round) * 1000 + threadIdx.x;
    signal<scope>(view, next, 0);
    bool well = wait<scope>(view, previous, 0, view.timeout_ns);
    well = well && ours[other] == static_cast<std::uint64_t>(round) * 1000 + other;
    if (!well) atomicAdd(wrong, 1u);
    signal<scope>(view, previous, 1);
    wait<scope>(view, next, 1, view.timeout_ns);
  }
}

template <Scope scope>
__global__ void barriers(DeviceView view, int rounds, unsigned* wrong) {
  auto* ours = device::buffer<volatile std::uint64_t>(view, view.rank);
  for (int round = 1; round <= rounds; ++round) {
    for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size;
         peer += static_cast<int>(blockDim.x))
      device::buffer<volatile std::uint64_t>(view, peer)[view.rank] = round;
    bool well = all_meet<scope>(view, 0);
    for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size;
         peer += static_cast<int>(blockDim.x))
      well = well && ours[peer] == static_cast<std::uint64_t>(round);
    if (!well) atomicAdd(wrong, 1u);
    well = all_meet<scope>(view, 1);
  }
}

template <Scope scope>
using Barrier = device::Barrier<scope == Scope::thread ? device::Scope::thread
                                : scope == Scope::warp ? device::Scope::warp
                                                       : device::Scope::block>;

/// One object for all rounds, each of which has a barrier before the rank looks and one after.
template <Scope scope>
__global__ void barrier_object(DeviceView view, int channel, int rounds, unsigned* wrong) {
  auto* ours = device::buffer<volatile std::uint64_t>(view, view.rank);
  const int begin = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  Barrier<scope> all_meet(view, channel);
  for (int round = 1; round <= rounds; ++round) {
    for (int peer = begin; peer < view.world_size; peer += step)
      device::buffer<volatile std::uint64_t>(view, peer)[view.rank] = round;
    bool well = all_meet();
    // What other threads of the peers wrote, too.
    for (int i = begin; i < view.world_size; i += step)
      well = well && ours[(i + 1) % view.world_size] == static_cast<std::uint64_t>(round);
    well = all_meet() && well;
    if (!well) atomicAdd(wrong, 1u);
  }
}

template <Scope scope>
__global__ void vain_barrier(DeviceView view, int channel, std::uint64_t timeout_ns,
                             unsigned* wrong) {
  Barrier<scope> all_meet(view, channel);
  if (all_meet(timeout_ns)) atomicAdd(wrong, 1u);
  if (all_meet(timeout_ns)) atomicAdd(wrong, 1u);
}

template <Scope scope>
__global__ void one_signal(DeviceView view, int dst, int channel) {
  signal<scope>(view, dst, channel);
}

__global__ void compare(const volatile std::uint64_t* words, unsigned* wrong) {
  if (words[1] != words[0] || words[2] != words[0]) atomicAdd(wrong, 1u);
}

__global__ void advance(volatile std::uint64_t* word) { *word = *word + 1; }

template <Scope scope>
__global__ void good_wait(DeviceView view, int src, int channel, std::uint64_t timeout_ns,
                          unsigned* wrong) {
  if (!wait<scope>(view, src, channel, timeout_ns)) atomicAdd(wrong, 1u);
}

template <Scope scope>
__global__ void vain_wait(DeviceView view, int src, int channel, std::uint64_t timeout_ns,
                          unsigned* wrong) {
  if (wait<scope>(view, src, channel, timeout_ns)) atomicAdd(wrong, 1u);
}

__device__ std::uint64_t packet_data(int from, int to, int round) {
  return (static_cast<std::uint64_t>(from) << 40 | static_cast<std::uint64_t>(to) << 20 |
          threadIdx.x) *
         static_cast<std::uint64_t>(round);
}

__global__ void packets(DeviceView view, int rounds, unsigned* wrong) {
  const auto place = [&](int round, int from) {
    return (static_cast<std::uint64_t>(round % 2) * view.world_size + from) * blockDim.x +
           threadIdx.x;
  };
  for (int round = 1; round <= rounds; ++round) {
    for (int to = 0; to < view.world_size; ++to)
      device::Packets(view, to).put(place(round, view.rank), packet_data(view.rank, to, round),
                                    round);
    for (int from = 0; from < view.world_size; ++from) {
      std::uint64_t came = 0;
      if (!device::Packets(view, from).wait(place(round, from), round, came) ||
          came != packet_data(from, view.rank, round))
        atomicAdd(wrong, 1u);
    }
  }
}

__global__ void one_packet(DeviceView view, int dst) { device::Packets(view, dst).put(0, 1, 1); }

__global__ void vain_packet(DeviceView view, int src, std::uint64_t timeout_ns, unsigned* wrong) {
  std::uint64_t came = 0;
  if (device::has_failed(view)) atomicAdd(wrong, 1u);
  if (device::Packets(view, src).wait(0, 1, came, timeout_ns)) atomicAdd(wrong, 1u);
  if (!device::has_failed(view)) atomicAdd(wrong, 1u);
}

__global__ void spin(const volatile unsigned* flag, unsigned* begun) {
  if (begun != nullptr && threadIdx.x == 0) atomicAdd(begun, 1u);
  while (*flag == 0) {
  }
}

/// Calls `launch` with the scope as a constant and the threads that have it.
template <typename Launch>
void with_scope(Scope scope, Launch launch) {
  if (scope == Scope::thread) launch(std::integral_constant<Scope, Scope::thread>{}, 1);
  if (scope == Scope::warp) launch(std::integral_constant<Scope, Scope::warp>{}, 32);
  if (scope == Scope::block) launch(std::integral_constant<Scope, Scope::block>{}, 256);
}

}  // namespace

void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    ring<of.value><<<1, threads, 0, stream>>>(view, rounds, wrong);
  });
}

void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    barriers<of.value><<<1, threads, 0, stream>>>(view, rounds, wrong);
  });
}

void launch_barrier_object(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                           int rounds, unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    barrier_object<of.value><<<1, threads, 0, stream>>>(view, channel, rounds, wrong);
  });
}

void launch_vain_barrier(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                         unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    vain_barrier<of.value><<<1, threads, 0, stream>>>(view, channel, timeout_ns, wrong);
  });
}

void launch_put_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int dst,
                       int channel) {
  with_scope(scope, [&](auto of, int threads) {
    one_signal<of.value><<<1, threads, 0, stream>>>(view, dst, channel);
  });
}

void launch_wait_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                        int channel, unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    good_wait<of.value><<<1, threads, 0, stream>>>(view, src, channel, timeout_ns, wrong);
  });
}

void launch_compare(cudaStream_t stream, const std::uint64_t* words, unsigned* wrong) {
  compare<<<1, 1, 0, stream>>>(words, wrong);
}

void launch_advance(cudaStream_t stream, std::uint64_t* word) {
  advance<<<1, 1, 0, stream>>>(word);
}

void launch_vain_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                      int channel, unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto of, int threads) {
    vain_wait<of.value><<<1, threads, 0, stream>>>(view, src, channel, timeout_ns, wrong);
  });
}

void launch_packets(cudaStream_t stream, const DeviceView& view, int rounds, unsigned* wrong) {
  packets<<<1, kPacketThreads, 0, stream>>>(view, rounds, wrong);
}
void launch_put_packet(cudaStream_t stream, const DeviceView& view, int dst) {
  one_packet<<<1, 1, 0, stream>>>(view, dst);
}
void launch_vain_packet(cudaStream_t stream, const DeviceView& view, int src,
                        unsigned long long timeout_ns, unsigned* wrong) {
  vain_packet<<<1, 1, 0, stream>>>(view, src, timeout_ns, wrong);
}

void launch_spin(cudaStream_t stream, const volatile unsigned* flag) {
  spin<<<1, 1, 0, stream>>>(flag, nullptr);
}

unsigned launch_spin_everywhere(cudaStream_t stream, const volatile unsigned* flag,
                                unsigned* begun) {
  int device = 0, multiprocessors = 0, threads = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, device);
  constexpr int kThreads = 512;  // Fills those of 1536 threads, too.
  const int blocks = multiprocessors * (threads / kThreads);
  spin<<<blocks, kThreads, 0, stream>>>(flag, begun);
  return static_cast<unsigned>(blocks);
}

}  // namespace symmem::gpu
