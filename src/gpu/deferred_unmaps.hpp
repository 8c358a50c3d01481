// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <mutex>
#include <vector>

namespace symmem::cuda {

/// Virtual memory ranges that wait to be unmapped until no enqueued work can use them. Safe from
/// any thread. No function throws: after CUDA has shut down, ranges stay as they are.
class DeferredUnmaps {
 public:
  DeferredUnmaps() = default;
  DeferredUnmaps(const DeferredUnmaps&) = delete;
  DeferredUnmaps& operator=(const DeferredUnmaps&) = delete;

  /// Unmaps [at, at+bytes) and frees its addresses once all work that is enqueued on `devices` now
  /// has completed. Waits for that at most 10 ms; a later call of either function unmaps the rest.
  /// Invalidates captures of streams of these devices, in every capture mode (cuCtxRecordEvent).
  void unmap_when_idle(const std::vector<int>& devices, CUdeviceptr at, std::size_t bytes) noexcept;
  /// Unmaps the ranges that have become idle. Does not block and invalidates no capture, so a range
  /// that was added during a capture stays mapped.
  void unmap_idle() noexcept;

 private:
  struct Range {
    std::vector<int> devices;     ///< Devices on which no event is recorded yet.
    std::vector<CUevent> events;  ///< Recorded after all work that may use the range, one a device.
    CUdeviceptr at;
    std::size_t bytes;
  };
  static bool is_idle(const Range& range);
  /// Requires mutex_.
  void unmap_idle_ranges();
  /// Records missing events, unmaps idle ranges and returns true if the range at `at` is unmapped.
  bool unmap_idle_and(CUdeviceptr at);

  std::mutex mutex_;  ///< Guards ranges_.
  std::vector<Range> ranges_;
};

}  // namespace symmem::cuda
