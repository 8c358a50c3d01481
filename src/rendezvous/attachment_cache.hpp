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

/// A rank's exports by one transport. `handles` are valid while `exports` live.
struct Exported {
  ExportedHandles handles;
  std::vector<std::shared_ptr<Export>> exports;
};

/// Returns the pad for peers that use a key if `by_key` is true, else the pad for peers that use a
/// mapping.
inline const BlockRange& pad_range(const Description& described, bool by_key) {
  return by_key ? described.network_pad : described.pad;
}

/// Throws Error(invalid_argument) unless the `bytes` bytes at range.offset lie in the attached
/// block. The transport measured the block's size; the range is an unverified claim of `rank`.
void check_range(int rank, const BlockRange& range, std::uint64_t bytes,
                 const Attachment& attachment);
/// Returns the size in bytes of a signal pad, computed from `described`.
std::uint64_t pad_bytes(const Group& group, const Description& described);

/// Exports and attaches the blocks of one group, and reuses the results while they are in use: one
/// export per block and transport, one attachment per block, transport and local device. Not
/// thread-safe.
class AttachmentCache {
 public:
  Exported export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                         const std::shared_ptr<Block>& pad);
  /// Attaches the buffer and the pad of `peer` from `handles`. Returns "" on success, else the
  /// reason why the transport refused. An Error fails the rendezvous.
  std::string attach_blocks(Transport& transport, const RendezvousInput& input, std::size_t peer,
                            const ExportedHandles& handles, const Deadline& deadline,
                            Connection& connection);

 private:
  using Key = std::pair<BlockId, std::string>;  ///< Block and transport.
  using AttachmentKey = std::pair<Key, int>;    ///< Key and accessing device.

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
