// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "symmem/device_view.hpp"

namespace symmem::gpu {

/// How many threads of a kernel make each call.
enum class Scope { thread, warp, block };
inline constexpr Scope kScopes[] = {Scope::thread, Scope::warp, Scope::block};

// Each launches one kernel and returns. `wrong` is a count in memory that the GPU reaches.

/// `rounds` times: writes the round to the next rank's word 0, signals it, waits for the previous
/// one, compares; then a signal back, for the next round.
void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong);
/// `rounds` barriers: before each the rank writes its round to every peer, after each it looks at
/// what all have written.
void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong);
/// The same by one device::Barrier for all rounds.
void launch_barrier_object(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                           int rounds, unsigned* wrong);
/// A device::Barrier called twice, to which not all come; counts in `wrong` what went well.
void launch_vain_barrier(cudaStream_t stream, const DeviceView& view, Scope scope, int channel,
                         unsigned long long timeout_ns, unsigned* wrong);
/// One signal of all threads of the scope.
void launch_put_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int dst,
                       int channel);
/// A wait for a signal that comes; counts in `wrong` if it did not.
void launch_wait_signal(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                        int channel, unsigned long long timeout_ns, unsigned* wrong);
/// Counts in `wrong` unless words 1 and 2 are what word 0 is.
void launch_compare(cudaStream_t stream, const std::uint64_t* words, unsigned* wrong);
/// Adds one.
void launch_advance(cudaStream_t stream, std::uint64_t* word);
/// A wait for a signal that does not come; counts in `wrong` if it went well.
void launch_vain_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                      int channel, unsigned long long timeout_ns, unsigned* wrong);
/// `rounds` times: each thread of 256 sends a packet to every rank and waits for one of each, with
/// two sets of places used in turn, and counts in `wrong` what came with other data. Two places for
/// each rank and thread.
void launch_packets(cudaStream_t stream, const DeviceView& view, int rounds, unsigned* wrong);
inline constexpr int kPacketThreads = 256;
/// A packet to `dst`.
void launch_put_packet(cudaStream_t stream, const DeviceView& view, int dst);
/// A wait for a packet that does not come; counts in `wrong` if it went well, or if the memory has
/// not failed by that, but before.
void launch_vain_packet(cudaStream_t stream, const DeviceView& view, int src,
                        unsigned long long timeout_ns, unsigned* wrong);
/// Spins until *flag is not 0: one thread, or so many that no other kernel finds room on the GPU
/// once as many blocks as are returned have counted in `begun`.
void launch_spin(cudaStream_t stream, const volatile unsigned* flag);
unsigned launch_spin_everywhere(cudaStream_t stream, const volatile unsigned* flag,
                                unsigned* begun);
/// The all-reduce of docs/examples, of one block, in a buffer for `count` floats.
void launch_all_reduce(cudaStream_t stream, const DeviceView& view, bool by_packets,
                       const float* input, float* result, unsigned count);
/// The words of 64 bits of such a buffer.
std::size_t all_reduce_words(int world_size, unsigned count);

}  // namespace symmem::gpu
