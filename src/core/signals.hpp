// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "core/group.hpp"
#include "core/peer_pad.hpp"

namespace symmem {

/// The counting signals and barriers of one SymmetricMemory: its own pad, the pads of its peers,
/// and what this rank has consumed, which nobody else knows.
class Signals : public Sleeper {
 public:
  /// `pads` by rank, the own one included.
  Signals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads)
      : group_(std::move(group)), channels_(channels), pads_(std::move(pads)) {}

  int channels() const { return channels_; }
  void check_channel(int channel, const char* operation) const {
    require(channel >= 0 && channel < channels_, Errc::invalid_argument,
            "{}: channel {} is out of range; 0 to {} exist (SYMMEM_CHANNELS)", operation, channel,
            channels_ - 1);
  }
  const PeerPad& peer(int rank) const { return pads_[static_cast<std::size_t>(rank)]; }

  virtual void put(int dst, int channel, Timeout timeout = {}) = 0;
  virtual void wait(int src, int channel, Timeout timeout) = 0;
  virtual void barrier(int channel, Timeout timeout) = 0;

 protected:
  const std::shared_ptr<Group> group_;
  const int channels_;
  const std::vector<PeerPad> pads_;
};

}  // namespace symmem
