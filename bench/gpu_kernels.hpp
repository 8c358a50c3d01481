// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "symmem/device_view.hpp"

namespace symmem::bench {

/// Two words that two GPUs ping each other by: what a floor kernel works on. Both only grow.
struct Flags {
  std::uint64_t* mine = nullptr;    ///< Written by the peer.
  std::uint64_t* theirs = nullptr;  ///< Of the peer, written by us.
};

// Floors: nothing but the instructions that must be there. Flags hold `begin` before.

/// `rounds` barriers of two ranks in one kernel.
void floor_barriers(cudaStream_t stream, Flags flags, std::uint64_t begin, int rounds);
/// `rounds` round trips, begun by the rank that is `first`.
void floor_trips(cudaStream_t stream, Flags flags, std::uint64_t begin, int rounds, bool first);
/// One barrier, whose count lies in GPU memory, so that it can be replayed.
void floor_barrier(cudaStream_t stream, Flags flags, std::uint64_t* count);
/// Adds one to the peer's word; waits until the own one has grown by one.
void floor_signal(cudaStream_t stream, Flags flags);
void floor_wait(cudaStream_t stream, Flags flags, std::uint64_t* count);

// The same by symmem/device.cuh.
void our_barriers(cudaStream_t stream, const DeviceView& view, int rounds);
void our_trips(cudaStream_t stream, const DeviceView& view, int rounds, bool first);

}  // namespace symmem::bench
