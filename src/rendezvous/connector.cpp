// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/connector.hpp"

#include "rendezvous/transport_selection.hpp"

namespace symmem {

std::shared_ptr<Connections> Connector::connect(Collective& collective,
                                                const RendezvousInput& input) {
  Blocks blocks;
  bool all_kept = true;
  for (const Description& one : input.described) {
    blocks.push_back({one.buffer.block, one.pad.block, one.network_pad.block});
    all_kept = all_kept && one.buffer.kept && one.pad.kept && one.network_pad.kept;
  }
  if (const auto known = remembered_.find(blocks); known != remembered_.end()) {
    for (std::size_t r = 0; r < input.described.size(); ++r) {
      const Connection& peer = known->second->peers[r];
      if (!peer.buffer) continue;  // This rank.
      const Description& theirs = input.described[r];
      check_range(static_cast<int>(r), theirs.buffer, theirs.bytes, *peer.buffer);
      check_range(static_cast<int>(r), pad_range(theirs, peer.pad->key() != nullptr),
                  pad_bytes(input.group, theirs), *peer.pad);
    }
    return known->second;
  }
  auto connections = TransportSelection(cache_, collective, input).run();
  if (all_kept) remembered_[blocks] = connections;
  return connections;
}

void Connector::detach() {
  for (const auto& [blocks, connections] : remembered_)
    kept_.insert(connections->exports.begin(), connections->exports.end());
  remembered_.clear();
}

}  // namespace symmem
