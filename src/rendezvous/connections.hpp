// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "allocation/block_pool.hpp"
#include "group/collective.hpp"
#include "rendezvous/description.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// How one peer's buffer block and pad block are reached. For the own rank both are empty.
struct Connection {
  Route route;
  std::shared_ptr<Attachment> buffer;
  std::shared_ptr<Attachment> pad;
};

/// The connections of one set of blocks, one block pair a rank, and this rank's exports behind
/// them.
struct Connections {
  std::vector<Connection> peers;  ///< By rank.
  std::vector<std::shared_ptr<Export>> exports;
  /// Who reaches whom how: transports by name, [from * size + to]. Empty in large groups.
  std::vector<std::string> matrix;
};

/// What a rank exports by one transport, for as long as this lives.
struct Exported {
  ExportedHandles handles;
  std::vector<std::shared_ptr<Export>> exports;
};

/// What a rendezvous connects: all ranks' descriptions, and this rank's own blocks.
struct Meeting {
  const Group& group;
  const std::vector<Description>& described;
  const std::shared_ptr<Block>& buffer;
  const std::shared_ptr<Block>& pad;
  const std::shared_ptr<Block>& network_pad;
  const std::vector<std::shared_ptr<Transport>>& transports;
};

/// Makes and remembers the connections of one group: attachments are made once for each (block,
/// group, own device), and blocks that live as long as the group are not even looked at a second
/// time. One collective call at a time uses it.
class Connector {
 public:
  /// Makes the handles of a description, which save `connect` a round trip of all ranks. They are
  /// good for as long as the result lives.
  Exported export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                         const std::shared_ptr<Block>& pad);
  /// For TransportSelection: attaches a peer's buffer and pad by the handles that it told; says ""
  /// (attached) or why not.
  std::string attach_blocks(Transport& transport, const Meeting& meeting, std::size_t peer,
                            const ExportedHandles& handles, const Deadline& deadline,
                            Connection& connection);
  /// Connects every pair of ranks, or throws the same Error on all of them with nothing left
  /// behind.
  std::shared_ptr<Connections> connect(Collective& collective, const Meeting& meeting);
  /// Forgets the attachments, on all ranks alike; exports stay, since a peer may still write there.
  void detach();

 private:
  using Blocks = std::vector<std::array<BlockId, 3>>;  ///< By rank: buffer, pad, network pad.
  using Key = std::pair<BlockId, std::string>;         ///< Block and transport.
  using AttachmentKey = std::pair<Key, int>;           ///< And the device that it is used from.

  std::shared_ptr<Export> export_once(Transport& transport, const std::shared_ptr<Block>& block,
                                      std::string& refusal);
  std::shared_ptr<Attachment> attach_once(Transport& transport, const PeerInfo& peer,
                                          const BlockRange& place, std::string_view handle,
                                          std::uint64_t bytes, const Deadline& deadline,
                                          std::string& refusal);

  /// Only of kept blocks: all ranks then remember or forget alike.
  std::map<Blocks, std::shared_ptr<Connections>> remembered_;
  std::set<std::shared_ptr<Export>> kept_;  ///< Of forgotten connections.
  std::map<Key, std::weak_ptr<Export>> exports_;
  std::map<AttachmentKey, std::weak_ptr<Attachment>> attachments_;
};

}  // namespace symmem
