// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <mutex>
#include <vector>

namespace symmem::cuda {

/// Virtual memory ranges whose unmap is deferred until no enqueued work can use them. All functions
/// may be called from any thread. No function throws; after CUDA has shut down, ranges stay mapped.
class DeferredUnmaps {
 public:
  DeferredUnmaps() = default;
  DeferredUnmaps(const DeferredUnmaps&) = delete;
  DeferredUnmaps& operator=(const DeferredUnmaps&) = delete;

  /// Unmaps [at, at+bytes) and frees the address range once all work enqueued on `devices` before
  /// this call has completed. Blocks for at most 10 ms; if the work is not complete by then, a
  /// later call of unmap_when_idle() or unmap_idle() unmaps the range. Invalidates stream captures
  /// on these devices, in every capture mode, because it calls cuCtxRecordEvent.
  void unmap_when_idle(const std::vector<int>& devices, CUdeviceptr at, std::size_t bytes) noexcept;
  /// Unmaps the ranges that have become idle. Does not block and does not invalidate a capture. A
  /// range that was added during a capture stays mapped.
  void unmap_idle() noexcept;

 private:
  struct Range {
    std::vector<int> devices;  ///< Devices on which no event is recorded yet.
    /// Each completes after all work that may use the range; one per device.
    std::vector<CUevent> events;
    CUdeviceptr at;
    std::size_t bytes;
  };
  static bool is_idle(const Range& range);
  /// Precondition: the caller has locked mutex_.
  void unmap_idle_ranges();
  /// Records missing events, unmaps idle ranges and returns true if the range at `at` is unmapped.
  bool unmap_idle_and(CUdeviceptr at);

  std::mutex mutex_;  ///< Guards ranges_.
  std::vector<Range> ranges_;
};

}  // namespace symmem::cuda
