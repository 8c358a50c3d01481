// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "allocation/block_pool.hpp"
#include "gpu/gpu.hpp"
#include "group/group.hpp"
#include "signals/signal_pad.hpp"

namespace symmem {

/// What one SymmetricMemory on GPU memory has besides its buffer: two ranges, and the DeviceView
/// that tells kernels of them.
///
///   GPU memory    pad | taken, epochs, failed | tables of pointers
///   pinned host   network pad | taken by network | failure, gone
///
/// Peers add to the pads and to nothing else; docs/wire.md, "Signal pad".
class GpuState {
 public:
  static std::size_t device_bytes(int channels, int world_size);
  static std::size_t pinned_bytes(int channels, int world_size);

  struct Parts {
    std::shared_ptr<Gpu> gpu;
    std::byte* device = nullptr;  ///< Zeroed, device_bytes long.
    std::byte* pinned = nullptr;  ///< Zeroed, pinned_bytes long.
    int channels = 0;
    std::size_t buffer_bytes = 0;
    std::chrono::nanoseconds timeout{0};
    const std::vector<void*>& buffers;  ///< By rank, null where no pointer reaches.
    const std::vector<void*>& pads;
  };
  GpuState(const Group& group, const Parts& parts);

  Gpu& gpu() const { return *gpu_; }
  const DeviceView& view() const { return view_; }

  /// Throws what made the memory fail, if a wait on the GPU has.
  void check(const Group& group, const char* operation) const {
    if (std::atomic_ref(*view_.state.failure).load(std::memory_order_acquire) != 0) [[unlikely]]
      fail_failed(group, operation);
  }
  /// Where signals by network arrive; the host looks at them itself.
  SignalPad network_pad() const {
    return {reinterpret_cast<std::byte*>(const_cast<std::uint64_t*>(view_.state.network_pad)),
            view_.world_size};
  }
  /// How many of those of `source` were consumed. Of who claimed the wait, unless a kernel fails.
  std::uint64_t& network_taken(int channel, int source) const {
    return view_.state.network_taken[static_cast<std::size_t>(channel) *
                                         static_cast<std::size_t>(view_.world_size) +
                                     static_cast<std::size_t>(source)];
  }
  /// Waits for `rank` end.
  void mark_gone(int rank);
  /// Streams and kernels do not go through a barrier of `channel` any more: one of the host's
  /// failed.
  void fail_channel(int channel) noexcept;
  /// The ranks whose arrivals at the current barrier of `channel` this rank has not seen.
  std::vector<int> missing(int channel) const;

 private:
  [[noreturn]] void fail_failed(const Group& group, const char* operation) const;

  const std::shared_ptr<Gpu> gpu_;
  DeviceView view_;
  std::uint32_t* gone_ = nullptr;  ///< As in the view, for us to write.
};

}  // namespace symmem
