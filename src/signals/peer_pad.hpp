// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "signals/signal_pad.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// Access to a rank's signal pad: through a pointer if the pad is mapped, else through a key.
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

  SignalPad pad;            ///< Its base is null if the pad is not mapped.
  BlockKey* key = nullptr;  ///< Key of the pad's block; null if the pad is mapped.
  std::size_t offset = 0;   ///< Offset of the pad in the key's block.
};

}  // namespace symmem
