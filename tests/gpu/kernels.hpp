// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "symmem/device_view.hpp"

namespace symmem::gpu {

/// How many threads of a kernel make each call.
enum class Scope { thread, warp, block };

// Each launches one kernel and returns. `wrong` is a count in memory that the GPU reaches.

/// `rounds` times: writes the round to the next rank's word 0, signals it, waits for the previous
/// one, compares; then a signal back, for the next round.
void launch_ring(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                 unsigned* wrong);
/// `rounds` barriers: before each the rank writes its round to every peer, after each it looks at
/// what all have written.
void launch_barriers(cudaStream_t stream, const DeviceView& view, Scope scope, int rounds,
                     unsigned* wrong);
/// A wait for a signal that does not come; counts in `wrong` if it went well.
void launch_vain_wait(cudaStream_t stream, const DeviceView& view, Scope scope, int src,
                      int channel, unsigned long long timeout_ns, unsigned* wrong);
/// Spins until *flag is not 0.
void launch_spin(cudaStream_t stream, const volatile unsigned* flag);

}  // namespace symmem::gpu
