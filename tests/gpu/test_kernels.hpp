// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "symmem/device_view.hpp"

namespace symmem::gpu {

using device::Scope;
inline constexpr Scope kScopes[] = {Scope::thread, Scope::warp, Scope::block};

// Each launch function launches one kernel and returns. The kernel counts errors in *wrong, which
// is in memory that the GPU can access.

/// Runs `rounds` rounds. In each round, each thread writes a word to the next rank, signals the
/// next rank, waits for the previous rank, compares the received word, and signals the previous
/// rank.
void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong);
/// Runs `rounds` rounds. In each round, the rank writes the round number to every rank, calls a
/// barrier, and compares the received words.
void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong);
/// Runs the rounds of launch_barriers with one device::Barrier object.
void launch_barrier_object(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                           int rounds, unsigned* wrong);
/// Calls a device::Barrier twice although not all ranks call it; increments *wrong for each call
/// that succeeds.
void launch_failing_barrier(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                            unsigned long long timeout_ns, unsigned* wrong);
/// Signals `dst` once.
void launch_put_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int dst,
                       int channel);
/// Waits for a signal that arrives; increments *wrong if the wait fails.
void launch_wait_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                        int channel, unsigned long long timeout_ns, unsigned* wrong);
/// Increments *wrong unless words 1 and 2 equal word 0.
void launch_compare(cudaStream_t stream, const std::uint64_t* words, unsigned* wrong);
/// Adds one to `word`.
void launch_advance(cudaStream_t stream, std::uint64_t* word);
/// Waits for a signal that does not arrive; increments *wrong if the wait succeeds.
void launch_failing_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                         int channel, unsigned long long timeout_ns, unsigned* wrong);
/// Runs `rounds` rounds. In each round, each of 256 threads puts a packet to every rank, waits for
/// a packet from every rank and counts wrong data in `wrong`. The rounds use two sets of packets
/// alternately, so that the buffer contains two packets per rank and thread.
void launch_packets(cudaStream_t stream, const DeviceView& view, int rounds, unsigned* wrong);
inline constexpr int kPacketThreads = 256;
/// Puts one packet to `dst`.
void launch_put_packet(cudaStream_t stream, const DeviceView& view, int dst);
/// Waits for a packet that does not arrive. Increments *wrong if the wait succeeds, if the memory
/// had failed before the wait, or if the memory has not failed after the wait.
void launch_failing_packet(cudaStream_t stream, const DeviceView& view, int src,
                           unsigned long long timeout_ns, unsigned* wrong);
/// Both functions launch a kernel that spins until *flag is not 0. launch_spin uses one thread;
/// launch_spin_everywhere uses so many blocks that no other kernel fits on the GPU, and returns the
/// number of blocks. Each of these blocks increments *begun when it starts.
void launch_spin(cudaStream_t stream, const volatile unsigned* flag);
unsigned launch_spin_everywhere(cudaStream_t stream, const volatile unsigned* flag,
                                unsigned* begun);
/// Runs the all-reduce of docs/examples with one block, on a buffer for `count` floats.
void launch_all_reduce(cudaStream_t stream, const DeviceView& view, bool by_packets,
                       const float* input, float* result, unsigned count);
/// Returns the size of the all-reduce buffer in 64-bit words.
std::size_t all_reduce_words(int world_size, unsigned count);

}  // namespace symmem::gpu
