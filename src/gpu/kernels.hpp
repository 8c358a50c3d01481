// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "gpu/gpu.hpp"

namespace symmem::cuda {

/// Report of a kernel to the host thread that waits for it; in pinned host memory.
struct alignas(64) Report {
  /// `skipped`: the kernel found `abandoned` set and did nothing.
  enum State : std::uint64_t { pending, arrived, timeout, gone, failed, skipped };
  std::uint64_t state = pending;
  std::uint64_t value = 0;
  std::uint64_t started = 0;    ///< The kernel sets `started`, then reads `abandoned`.
  std::uint64_t abandoned = 0;  ///< The host sets `abandoned`, then reads `started`.
};

/// Parameters of a kernel that waits. The kernel writes the result of the wait to `report`. If
/// `report` is null, a wait that fails marks the memory as failed.
struct Ending {
  std::uint64_t timeout_ns = 0;
  Report* report = nullptr;
};

/// Loads all kernels on the current device. With lazy loading the first launch would wait until no
/// other kernel runs.
void load_kernels();

// Each of the following functions launches one kernel on `stream` and returns.
void launch_put_signal(cudaStream_t stream, const DeviceView& view, int dst, int channel,
                       Report* report);
void launch_wait_signal(cudaStream_t stream, const DeviceView& view, int src, int channel,
                        const Ending& ending);
/// Signals only the peers that have a pointer. If `ending.report` is null, all peers must have a
/// pointer.
void launch_barrier(cudaStream_t stream, const DeviceView& view, int channel, const Ending& ending);
/// Copies at most kMaxFused bytes with loads and stores, then signals. The GPU must be able to load
/// from `copy.from`.
inline constexpr std::size_t kMaxFused = 64 << 10;
void launch_put_with_signal(cudaStream_t stream, const DeviceView& view, const Copy& copy, int dst,
                            int channel);
void launch_atomic(cudaStream_t stream, AtomicOp op, std::size_t width, void* at,
                   std::uint64_t value, std::uint64_t expected, Report* report);

}  // namespace symmem::cuda
