// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/connections.hpp"
#include "base/deadline.hpp"
#include "rendezvous/connection_parts.hpp"
#include "rendezvous/rendezvous_input.hpp"

namespace symmem {

/// A rank's exports by one transport; its handles are valid while `exports` live.
struct Exported {
  ExportedHandles handles;
  std::vector<std::shared_ptr<Export>> exports;
};

/// Returns the pad that peers use: a pointer peer's, or the one written by the network.
inline const BlockRange& pad_range(const Description& described, bool by_key) {
  return by_key ? described.network_pad : described.pad;
}

/// Throws Error(invalid_argument) unless [range.offset, +bytes), announced by `rank`, lies in the
/// attached block. The transport measured the block's size; the range is the peer's claim.
void check_range(int rank, const BlockRange& range, std::uint64_t bytes,
                 const Attachment& attachment);
/// The bytes of a signal pad as `described` implies.
std::uint64_t pad_bytes(const Group& group, const Description& described);

/// Exports and attaches the blocks of one group, each once for as long as somebody uses it: an
/// export per (block, transport), an attachment per (block, transport, own device). Not
/// thread-safe.
class AttachmentCache {
 public:
  Exported export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                         const std::shared_ptr<Block>& pad);
  /// Attaches `peer`'s buffer and pad by its handles. Returns "" or the transport's refusal; an
  /// Error fails the rendezvous.
  std::string attach_blocks(Transport& transport, const RendezvousInput& input, std::size_t peer,
                            const ExportedHandles& handles, const Deadline& deadline,
                            Connection& connection);

 private:
  using Key = std::pair<BlockId, std::string>;  ///< Block and transport.
  using AttachmentKey = std::pair<Key, int>;    ///< And the device that accesses it.

  std::shared_ptr<Export> export_once(Transport& transport, const std::shared_ptr<Block>& block,
                                      std::string& refusal);
  std::shared_ptr<Attachment> attach_once(Transport& transport, const PeerInfo& peer,
                                          const BlockRange& range, std::string_view handle,
                                          std::uint64_t bytes, const Deadline& deadline,
                                          std::string& refusal);

  std::map<Key, std::weak_ptr<Export>> exports_;
  std::map<AttachmentKey, std::weak_ptr<Attachment>> attachments_;
};

}  // namespace symmem
