// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace symmem {

/// The layout of a signal pad in host memory; docs/wire.md, "Signal pad". A view: it owns nothing.
///
///   byte 0    u32 doorbell   changes when a sleeper is to look again
///   byte 4    u32 sleepers   owner's threads that sleep on the doorbell
///   byte 64   channel 0: for each source rank u64 signals, u64 arrivals; then channel 1, ...
///
/// The two counts only grow, and only their source adds to them. All in the machine's byte order:
/// the memory is shared, not sent.
class SignalPad {
 public:
  static constexpr std::size_t kHeaderBytes = 64;

  SignalPad(std::byte* base, int world_size) : base_(base), world_size_(world_size) {}

  static std::size_t bytes(int channels, int world_size) {
    return kHeaderBytes + static_cast<std::size_t>(channels) *
                              static_cast<std::size_t>(world_size) * 2 * sizeof(std::uint64_t);
  }

  std::byte* base() const { return base_; }
  std::uint32_t& doorbell() const { return *reinterpret_cast<std::uint32_t*>(base_); }
  std::uint32_t& sleepers() const { return *reinterpret_cast<std::uint32_t*>(base_ + 4); }
  std::uint64_t& signals(int channel, int source) const { return counts(channel, source)[0]; }
  std::uint64_t& arrivals(int channel, int source) const { return counts(channel, source)[1]; }

 private:
  std::uint64_t* counts(int channel, int source) const {
    const auto slot = static_cast<std::size_t>(channel) * static_cast<std::size_t>(world_size_) +
                      static_cast<std::size_t>(source);
    return reinterpret_cast<std::uint64_t*>(base_ + kHeaderBytes) + 2 * slot;
  }

  std::byte* base_;
  int world_size_;
};

}  // namespace symmem
