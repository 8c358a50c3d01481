// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "symmem/device_view.hpp"

namespace symmem::gpu {

using device::Scope;
inline constexpr Scope kScopes[] = {Scope::thread, Scope::warp, Scope::block};

// Each launches one kernel and returns. `wrong` counts errors, in memory that the GPU reaches.

/// `rounds` times: each thread writes a word of the next rank, signals it, waits for the previous
/// rank, compares, and signals back.
void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong);
/// `rounds` times: writes the round to every peer, calls a barrier, compares what all wrote.
void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong);
/// The same with one device::Barrier for all rounds.
void launch_barrier_object(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                           int rounds, unsigned* wrong);
/// Calls a device::Barrier twice that not all ranks reach; counts successes in `wrong`.
void launch_failing_barrier(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                            unsigned long long timeout_ns, unsigned* wrong);
/// Signals `dst` once.
void launch_put_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int dst,
                       int channel);
/// Waits for a signal that arrives; counts a failure in `wrong`.
void launch_wait_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                        int channel, unsigned long long timeout_ns, unsigned* wrong);
/// Counts in `wrong` unless words 1 and 2 equal word 0.
void launch_compare(cudaStream_t stream, const std::uint64_t* words, unsigned* wrong);
/// Adds one to `word`.
void launch_advance(cudaStream_t stream, std::uint64_t* word);
/// Waits for a signal that does not arrive; counts a success in `wrong`.
void launch_failing_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                         int channel, unsigned long long timeout_ns, unsigned* wrong);
/// `rounds` times: each of 256 threads puts a packet to every rank, waits for one from each and
/// counts wrong data in `wrong`. Uses two sets alternately: two packets for each rank and thread.
void launch_packets(cudaStream_t stream, const DeviceView& view, int rounds, unsigned* wrong);
inline constexpr int kPacketThreads = 256;
/// Puts one packet to `dst`.
void launch_put_packet(cudaStream_t stream, const DeviceView& view, int dst);
/// Waits for a packet that does not arrive. Counts in `wrong` a success, a memory that had failed
/// before, and one that has not failed after.
void launch_failing_packet(cudaStream_t stream, const DeviceView& view, int src,
                           unsigned long long timeout_ns, unsigned* wrong);
/// Spins until *flag is not 0: in one thread, or in so many blocks that no other kernel fits on the
/// GPU. Returns the number of blocks; each counts in `begun` when it starts.
void launch_spin(cudaStream_t stream, const volatile unsigned* flag);
unsigned launch_spin_everywhere(cudaStream_t stream, const volatile unsigned* flag,
                                unsigned* begun);
/// Runs the all-reduce of docs/examples in one block, in a buffer for `count` floats.
void launch_all_reduce(cudaStream_t stream, const DeviceView& view, bool by_packets,
                       const float* input, float* result, unsigned count);
/// Returns the size of such a buffer in 64-bit words.
std::size_t all_reduce_words(int world_size, unsigned count);

}  // namespace symmem::gpu
