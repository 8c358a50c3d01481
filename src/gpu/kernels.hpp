// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "gpu/gpu.hpp"

namespace symmem::cuda {

/// What a kernel tells the host thread that waits for it; in pinned host memory.
struct alignas(64) Report {
  enum State : std::uint64_t { pending, arrived, timeout, gone, failed, given_up };
  std::uint64_t state = pending;
  std::uint64_t value = 0;
  std::uint64_t begun = 0;      ///< By the kernel, before it looks at what follows.
  std::uint64_t abandoned = 0;  ///< By the host: a kernel that has not begun is not to begin.
};

/// How a wait in a kernel ends: it reports to `report` if there is one, else marks a failure.
struct Ending {
  std::uint64_t timeout_ns = 0;
  Report* report = nullptr;
};

/// Loads all kernels for the current device: a kernel that is loaded at its first launch waits
/// until none runs.
void load_kernels();

// Each launches one kernel on `stream`.
void launch_put_signal(cudaStream_t stream, const DeviceView& view, int dst, int channel,
                       Report* report);
void launch_wait_signal(cudaStream_t stream, const DeviceView& view, int src, int channel,
                        const Ending& ending);
/// Tells peers without a pointer nothing; without a report there may be none.
void launch_barrier(cudaStream_t stream, const DeviceView& view, int channel, const Ending& ending);
/// Copies by loads and stores, then signals; for up to kMaxFused bytes that the GPU can load.
inline constexpr std::size_t kMaxFused = 64 << 10;
void launch_put_with_signal(cudaStream_t stream, const DeviceView& view, const Copy& copy, int dst,
                            int channel);
void launch_atomic(cudaStream_t stream, AtomicOp op, std::size_t width, void* at,
                   std::uint64_t value, std::uint64_t expected, Report* report);

}  // namespace symmem::cuda
