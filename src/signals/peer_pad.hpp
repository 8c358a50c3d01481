// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "signals/signal_pad.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// A rank's signal pad as this rank reaches it: by pointer, or by key where there is none.
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

  SignalPad pad;            ///< Its base is null where a key reaches.
  BlockKey* key = nullptr;  ///< To the pad's block.
  std::size_t offset = 0;   ///< Of the pad in that block.
};

}  // namespace symmem
