// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "group/collective.hpp"
#include "rendezvous/attachment_cache.hpp"

namespace symmem {

/// Connects the ranks of one group. Blocks that live as long as the group are connected once; a
/// later rendezvous on the same blocks reuses the connections without communication. Used only
/// inside collective calls, which run one at a time.
class Connector {
 public:
  /// Exports this rank's blocks before connect(), because handles in the description save a gather.
  Exported export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                         const std::shared_ptr<Block>& pad) {
    return cache_.export_blocks(transport, buffer, pad);
  }
  /// Connects every pair of ranks, or throws the same Error on all ranks and leaves nothing
  /// attached.
  std::shared_ptr<Connections> connect(Collective& collective, const RendezvousInput& input);
  /// Releases the attachments; all ranks call detach() after the same failed call. Keeps the
  /// exports, because a peer may still write to the memory.
  void detach();

 private:
  /// For each rank, the block of its buffer, of its pad and of its network pad.
  using Blocks = std::vector<std::array<BlockId, 3>>;

  AttachmentCache cache_;
  /// Contains only connections between kept blocks, so that all ranks cache the same connections.
  std::map<Blocks, std::shared_ptr<Connections>> remembered_;
  std::set<std::shared_ptr<Export>> kept_;  ///< The exports of released connections.
};

}  // namespace symmem
