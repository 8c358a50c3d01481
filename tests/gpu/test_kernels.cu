// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_kernels.hpp"

#include <type_traits>

#include "symmem/device.cuh"

namespace symmem::gpu {
namespace {

/// Each thread writes its word to the peer and reads the word of another thread. This checks that
/// the signal orders the accesses of all threads of the scope.
template <Scope kScope>
__global__ void ring(DeviceView view, int rounds, unsigned* wrong) {
  const int next = (view.rank + 1) % view.world_size;
  const int previous = (view.rank + view.world_size - 1) % view.world_size;
  auto* remote = view.buffer<volatile std::uint64_t>(next);
  auto* local = view.buffer<volatile std::uint64_t>(view.rank);
  const unsigned other = (threadIdx.x + 1) % blockDim.x;
  for (int round = 1; round <= rounds; ++round) {
    remote[threadIdx.x] = static_cast<std::uint64_t>(round) * 1000 + threadIdx.x;
    device::put_signal<kScope>(view, next, 0);
    bool ok = device::wait_signal<kScope>(view, previous, 0);
    ok = ok && local[other] == static_cast<std::uint64_t>(round) * 1000 + other;
    if (!ok) atomicAdd(wrong, 1u);
    device::put_signal<kScope>(view, previous, 1);
    device::wait_signal<kScope>(view, next, 1);
  }
}

template <Scope kScope>
__global__ void barriers(DeviceView view, int rounds, unsigned* wrong) {
  auto* local = view.buffer<volatile std::uint64_t>(view.rank);
  for (int round = 1; round <= rounds; ++round) {
    for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size;
         peer += static_cast<int>(blockDim.x))
      view.buffer<volatile std::uint64_t>(peer)[view.rank] = round;
    bool ok = device::barrier<kScope>(view, 0);
    for (int peer = static_cast<int>(threadIdx.x); peer < view.world_size;
         peer += static_cast<int>(blockDim.x))
      ok = ok && local[peer] == static_cast<std::uint64_t>(round);
    if (!ok) atomicAdd(wrong, 1u);
    device::barrier<kScope>(view, 1);
  }
}

/// Uses one Barrier object for all rounds. Each round calls the barrier before and after the rank
/// reads.
template <Scope kScope>
__global__ void barrier_object(DeviceView view, int channel, int rounds, unsigned* wrong) {
  auto* local = view.buffer<volatile std::uint64_t>(view.rank);
  const int begin = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  device::Barrier<kScope> barrier(view, channel);
  for (int round = 1; round <= rounds; ++round) {
    for (int peer = begin; peer < view.world_size; peer += step)
      view.buffer<volatile std::uint64_t>(peer)[view.rank] = round;
    bool ok = barrier();
    // Reads words that threads with other indices wrote.
    for (int i = begin; i < view.world_size; i += step)
      ok = ok && local[(i + 1) % view.world_size] == static_cast<std::uint64_t>(round);
    ok = barrier() && ok;
    if (!ok) atomicAdd(wrong, 1u);
  }
}

template <Scope kScope>
__global__ void failing_barrier(DeviceView view, int channel, std::uint64_t timeout_ns,
                                unsigned* wrong) {
  device::Barrier<kScope> barrier(view, channel);
  if (barrier(timeout_ns)) atomicAdd(wrong, 1u);
  if (barrier(timeout_ns)) atomicAdd(wrong, 1u);
}

template <Scope kScope>
__global__ void one_signal(DeviceView view, int dst, int channel) {
  device::put_signal<kScope>(view, dst, channel);
}

__global__ void compare(const volatile std::uint64_t* words, unsigned* wrong) {
  if (words[1] != words[0] || words[2] != words[0]) atomicAdd(wrong, 1u);
}

__global__ void advance(volatile std::uint64_t* word) { *word = *word + 1; }

template <Scope kScope>
__global__ void arriving_wait(DeviceView view, int src, int channel, std::uint64_t timeout_ns,
                              unsigned* wrong) {
  if (!device::wait_signal<kScope>(view, src, channel, timeout_ns)) atomicAdd(wrong, 1u);
}

template <Scope kScope>
__global__ void failing_wait(DeviceView view, int src, int channel, std::uint64_t timeout_ns,
                             unsigned* wrong) {
  if (device::wait_signal<kScope>(view, src, channel, timeout_ns)) atomicAdd(wrong, 1u);
}

__device__ std::uint64_t packet_data(int from, int to, int round) {
  return (static_cast<std::uint64_t>(from) << 40 | static_cast<std::uint64_t>(to) << 20 |
          threadIdx.x) *
         static_cast<std::uint64_t>(round);
}

__global__ void packets(DeviceView view, int rounds, unsigned* wrong) {
  const auto index = [&](int round, int from) {
    return (static_cast<std::uint64_t>(round % 2) * view.world_size + from) * blockDim.x +
           threadIdx.x;
  };
  for (int round = 1; round <= rounds; ++round) {
    for (int to = 0; to < view.world_size; ++to)
      device::Packets(view, to).put(index(round, view.rank), packet_data(view.rank, to, round),
                                    round);
    for (int from = 0; from < view.world_size; ++from) {
      std::uint64_t received = 0;
      if (!device::Packets(view, from).wait(index(round, from), round, received) ||
          received != packet_data(from, view.rank, round))
        atomicAdd(wrong, 1u);
    }
  }
}

__global__ void one_packet(DeviceView view, int dst) { device::Packets(view, dst).put(0, 1, 1); }

__global__ void failing_packet(DeviceView view, int src, std::uint64_t timeout_ns,
                               unsigned* wrong) {
  std::uint64_t received = 0;
  if (device::has_failed(view)) atomicAdd(wrong, 1u);
  if (device::Packets(view, src).wait(0, 1, received, timeout_ns)) atomicAdd(wrong, 1u);
  if (!device::has_failed(view)) atomicAdd(wrong, 1u);
}

__global__ void spin(const volatile unsigned* flag, unsigned* begun) {
  if (begun != nullptr && threadIdx.x == 0) atomicAdd(begun, 1u);
  while (*flag == 0) {
  }
}

/// Calls `launch` with the scope as a constant and with the number of threads in the scope.
template <typename Launch>
void with_scope(Scope scope, Launch launch) {
  if (scope == Scope::thread) launch(std::integral_constant<Scope, Scope::thread>{}, 1);
  if (scope == Scope::warp) launch(std::integral_constant<Scope, Scope::warp>{}, 32);
  if (scope == Scope::block) launch(std::integral_constant<Scope, Scope::block>{}, 256);
}

}  // namespace

void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    ring<constant.value><<<1, threads, 0, stream>>>(view, rounds, wrong);
  });
}

void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    barriers<constant.value><<<1, threads, 0, stream>>>(view, rounds, wrong);
  });
}

void launch_barrier_object(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                           int rounds, unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    barrier_object<constant.value><<<1, threads, 0, stream>>>(view, channel, rounds, wrong);
  });
}

void launch_failing_barrier(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                            unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    failing_barrier<constant.value><<<1, threads, 0, stream>>>(view, channel, timeout_ns, wrong);
  });
}

void launch_put_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int dst,
                       int channel) {
  with_scope(scope, [&](auto constant, int threads) {
    one_signal<constant.value><<<1, threads, 0, stream>>>(view, dst, channel);
  });
}

void launch_wait_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                        int channel, unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    arriving_wait<constant.value><<<1, threads, 0, stream>>>(view, src, channel, timeout_ns, wrong);
  });
}

void launch_compare(cudaStream_t stream, const std::uint64_t* words, unsigned* wrong) {
  compare<<<1, 1, 0, stream>>>(words, wrong);
}

void launch_advance(cudaStream_t stream, std::uint64_t* word) {
  advance<<<1, 1, 0, stream>>>(word);
}

void launch_failing_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                         int channel, unsigned long long timeout_ns, unsigned* wrong) {
  with_scope(scope, [&](auto constant, int threads) {
    failing_wait<constant.value><<<1, threads, 0, stream>>>(view, src, channel, timeout_ns, wrong);
  });
}

void launch_packets(cudaStream_t stream, const DeviceView& view, int rounds, unsigned* wrong) {
  packets<<<1, kPacketThreads, 0, stream>>>(view, rounds, wrong);
}
void launch_put_packet(cudaStream_t stream, const DeviceView& view, int dst) {
  one_packet<<<1, 1, 0, stream>>>(view, dst);
}
void launch_failing_packet(cudaStream_t stream, const DeviceView& view, int src,
                           unsigned long long timeout_ns, unsigned* wrong) {
  failing_packet<<<1, 1, 0, stream>>>(view, src, timeout_ns, wrong);
}

void launch_spin(cudaStream_t stream, const volatile unsigned* flag) {
  spin<<<1, 1, 0, stream>>>(flag, nullptr);
}

unsigned launch_spin_everywhere(cudaStream_t stream, const volatile unsigned* flag,
                                unsigned* begun) {
  int device = 0, sms = 0, threads = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, device);
  cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, device);
  constexpr int kThreads = 512;  // Divides 1536 and 2048, the numbers of threads per SM.
  const int blocks = sms * (threads / kThreads);
  spin<<<blocks, kThreads, 0, stream>>>(flag, begun);
  return static_cast<unsigned>(blocks);
}

}  // namespace symmem::gpu
