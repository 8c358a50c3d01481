// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "signals/signal_pad.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// A rank's signal pad as this rank reaches it: by pointer, or by key where no pointer reaches.
struct PeerPad {
  PeerPad(const SignalPad& mapped) : pad(mapped) {}
  PeerPad(BlockKey& block, std::size_t at, int world_size)
      : pad(nullptr, world_size), key(&block), offset(at) {}

  CounterAddress signals(int channel, int source) const {
    return {offset, offset + SignalPad::signals_offset(channel, source, pad.world_size())};
  }
  CounterAddress arrivals(int channel, int source) const {
    return {offset, offset + SignalPad::arrivals_offset(channel, source, pad.world_size())};
  }

  SignalPad pad;            ///< Its base is null for a key peer.
  BlockKey* key = nullptr;  ///< Key of the pad's block; null for a pointer peer.
  std::size_t offset = 0;   ///< The pad's first byte in that block.
};

}  // namespace symmem
