// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/peer_tables.hpp"

namespace symmem {

PeerTables make_peer_tables(const Group& group, const Connections& connections,
                            const std::vector<Description>& described, std::byte* own_buffer,
                            std::byte* own_pad) {
  const int size = group.world_size();
  PeerTables tables;
  for (std::size_t r = 0; r < described.size(); ++r) {
    const Connection& peer = connections.peers[r];
    const Description& theirs = described[r];
    const bool self = static_cast<int>(r) == group.rank();
    BlockKey* const key = self ? nullptr : peer.buffer->key();
    std::byte *buffer = nullptr, *pad = nullptr;
    if (key == nullptr) {
      buffer = self ? own_buffer : peer.buffer->pointer() + theirs.buffer.offset;
      pad = self ? own_pad : peer.pad->pointer() + theirs.pad.offset;
      tables.peer_pads.emplace_back(SignalPad(pad, size));
    } else {
      tables.peer_pads.emplace_back(*peer.pad->key(), theirs.network_pad.offset, size);
    }
    tables.buffers.push_back(buffer);
    tables.pads.push_back(pad);
    tables.buffer_keys.push_back({key, theirs.buffer.offset});
    tables.routes.push_back(peer.route);
  }
  return tables;
}

}  // namespace symmem
