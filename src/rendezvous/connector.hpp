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

/// Connects the ranks of one group. Blocks that live as long as the group are connected once: a
/// later rendezvous on the same blocks takes the same connections, without a round. Used inside
/// collective calls only, one at a time.
class Connector {
 public:
  /// Exports this rank's blocks before `connect`: handles in the description save a round.
  Exported export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                         const std::shared_ptr<Block>& pad) {
    return cache_.export_blocks(transport, buffer, pad);
  }
  /// Connects every pair of ranks, or throws the same Error on all of them and leaves nothing
  /// attached.
  std::shared_ptr<Connections> connect(Collective& collective, const RendezvousInput& input);
  /// Forgets the attachments, on all ranks alike. Exports stay: a peer may still write there.
  void detach();

 private:
  using Blocks = std::vector<std::array<BlockId, 3>>;  ///< By rank: buffer, pad, network pad.

  AttachmentCache cache_;
  /// Connections of kept blocks only: all ranks then remember or forget alike.
  std::map<Blocks, std::shared_ptr<Connections>> remembered_;
  std::set<std::shared_ptr<Export>> kept_;  ///< The exports of forgotten connections.
};

}  // namespace symmem
