// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/doorbell.hpp"

namespace symmem {

/// Non-owning view of a signal pad in host memory. Format (docs/wire.md, "Signal pad"):
///
///   byte 0    the doorbell, 8 bytes
///   byte 64   channel 0: for each source rank u64 signals, u64 arrivals; then channel 1, ...
///
/// Both counts only increase, and only the source rank writes them. They have the machine's byte
/// order, because the memory is shared, not sent.
class SignalPad {
 public:
  static constexpr std::size_t kHeaderBytes = 64;

  SignalPad(std::byte* base, int world_size) : base_(base), world_size_(world_size) {}

  static std::size_t bytes(int channels, int world_size) {
    return kHeaderBytes + static_cast<std::size_t>(channels) *
                              static_cast<std::size_t>(world_size) * 2 * sizeof(std::uint64_t);
  }

  /// signals_offset and arrivals_offset return the byte offset of a count in the pad.
  static std::size_t signals_offset(int channel, int source, int world_size) {
    const auto slot = static_cast<std::size_t>(channel) * static_cast<std::size_t>(world_size) +
                      static_cast<std::size_t>(source);
    return kHeaderBytes + 2 * sizeof(std::uint64_t) * slot;
  }
  static std::size_t arrivals_offset(int channel, int source, int world_size) {
    return signals_offset(channel, source, world_size) + sizeof(std::uint64_t);
  }

  std::byte* base() const { return base_; }
  int world_size() const { return world_size_; }
  Doorbell doorbell() const { return Doorbell(base_); }
  std::uint64_t& signals(int channel, int source) const {
    return at(signals_offset(channel, source, world_size_));
  }
  std::uint64_t& arrivals(int channel, int source) const {
    return at(arrivals_offset(channel, source, world_size_));
  }

 private:
  std::uint64_t& at(std::size_t offset) const {
    return *reinterpret_cast<std::uint64_t*>(base_ + offset);
  }

  std::byte* base_;
  int world_size_;
};

}  // namespace symmem
