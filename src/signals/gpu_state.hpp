// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/gpu.hpp"
#include "group/group.hpp"
#include "signals/signal_pad.hpp"

namespace symmem {

/// Signal state of one SymmetricMemory on GPU memory: a range of GPU memory, a range of pinned host
/// memory, and the DeviceView through which kernels access both. Owns neither range.
///
///   GPU memory    pad | taken, epochs, failed | tables of pointers
///   pinned host   network pad | taken by network | failure, gone
///
/// Peers write only to the pads. Format: docs/wire.md, "Signal pad".
class GpuState {
 public:
  static std::size_t device_bytes(int channels, int world_size);
  static std::size_t pinned_bytes(int channels, int world_size);

  struct Parts {
    Gpu* gpu = nullptr;
    std::byte* device = nullptr;  ///< Zeroed; device_bytes() bytes.
    std::byte* pinned = nullptr;  ///< Zeroed; pinned_bytes() bytes.
    int channels = 0;
    std::size_t buffer_bytes = 0;
    std::chrono::nanoseconds timeout{0};
    const std::vector<void*>& buffers;  ///< Indexed by rank; null if not mapped.
    const std::vector<void*>& pads;
  };
  GpuState(const Group& group, const Parts& parts);

  Gpu& gpu() const { return *gpu_; }
  const DeviceView& view() const { return view_; }

  /// Throws an Error with the cause if a wait on the GPU has marked the memory as failed.
  void check(const Group& group, const char* operation) const {
    if (std::atomic_ref(*view_.state.failure).load(std::memory_order_acquire) != 0) [[unlikely]]
      fail_failed(group, operation);
  }
  /// Returns the pad in host memory in which signals from the network arrive.
  SignalPad network_pad() const {
    return {reinterpret_cast<std::byte*>(const_cast<std::uint64_t*>(view_.state.network_pad)),
            view_.world_size};
  }
  /// Returns the count of consumed network signals from `source`. Only the waiting thread writes
  /// the count, but a failing kernel may poison it at any time.
  std::uint64_t& network_taken(int channel, int source) const {
    return view_.state.network_taken[static_cast<std::size_t>(channel) *
                                         static_cast<std::size_t>(view_.world_size) +
                                     static_cast<std::size_t>(source)];
  }
  /// Makes all waits of kernels for `rank` return.
  void mark_gone(int rank);
  /// Makes all later barriers of streams and kernels on `channel` fail. Called after a failed host
  /// barrier.
  void fail_channel(int channel) noexcept;
  /// Returns the ranks whose arrival at the current barrier of `channel` is missing.
  std::vector<int> missing(int channel) const;

 private:
  [[noreturn]] void fail_failed(const Group& group, const char* operation) const;

  Gpu* const gpu_;
  DeviceView view_;
  std::uint32_t* gone_ = nullptr;  ///< Writable alias of the view's `gone`.
};

}  // namespace symmem
