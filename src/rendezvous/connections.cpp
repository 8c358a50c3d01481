// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/connections.hpp"

#include "base/check.hpp"
#include "signals/signal_pad.hpp"
#include "rendezvous/transport_selection.hpp"

namespace symmem {
namespace {

/// Entries whose object is gone make room when there are more than this.
constexpr std::size_t kMaxStale = 1024;
/// Of one block; those of all ranks must fit into a gather.
constexpr std::size_t kMaxHandleBytes = 1u << 20;

template <typename Map>
void forget_stale(Map& map) {
  if (map.size() > kMaxStale)
    std::erase_if(map, [](const auto& entry) { return entry.second.expired(); });
}

/// The place came from the peer; the size of the block the transport has measured.
void check_range(int rank, const BlockRange& place, std::uint64_t bytes, const Attachment& attachment) {
  require(place.offset <= attachment.bytes() && bytes <= attachment.bytes() - place.offset &&
              place.offset % BlockPool::kAlignment == 0,
          Errc::invalid_argument,
          "rank {} announced {} bytes at offset {} of a block that has {} bytes", rank, bytes,
          place.offset, attachment.bytes());
}

std::uint64_t pad_bytes(const Group& group, const Description& described) {
  return SignalPad::bytes(static_cast<int>(described.channels), group.world_size());
}

const BlockRange& pad_range(const Description& described, bool by_key) {
  return by_key ? described.network_pad : described.pad;
}

/// For a transport that says neither yes nor why not.
constexpr const char* kNoReason = "refused without a reason";

}  // namespace

std::shared_ptr<Export> Connector::export_once(Transport& transport,
                                               const std::shared_ptr<Block>& block,
                                               std::string& refusal) {
  const Key key{block->id, transport.name()};
  if (auto known = exports_[key].lock()) return known;
  Offer<Export> offer = transport.export_block(block);
  refusal = std::move(offer.refusal);
  if (offer.value)
    require(offer.value->handle().size() <= kMaxHandleBytes, Errc::invalid_argument,
            "transport {}: its handle has {} bytes; at most {} can be told to all ranks",
            transport.name(), offer.value->handle().size(), kMaxHandleBytes);
  exports_[key] = offer.value;
  forget_stale(exports_);
  return offer.value;
}

std::shared_ptr<Attachment> Connector::attach_once(Transport& transport, const PeerInfo& peer,
                                                   const BlockRange& place, std::string_view handle,
                                                   std::uint64_t bytes, const Deadline& deadline,
                                                   std::string& refusal) {
  const AttachmentKey key{{place.block, std::string(transport.name())}, peer.used_from.index};
  auto attachment = attachments_[key].lock();
  if (!attachment) {
    Offer<Attachment> offer = transport.attach(peer, place.block, handle, deadline.remaining());
    refusal = std::move(offer.refusal);
    attachment = std::move(offer.value);
  }
  if (!attachment) return nullptr;
  check_range(peer.rank, place, bytes, *attachment);
  attachments_[key] = attachment;
  forget_stale(attachments_);
  return attachment;
}

Exported Connector::export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                                  const std::shared_ptr<Block>& pad) {
  std::string refusal;
  const auto first = export_once(transport, buffer, refusal);
  const auto second = first ? export_once(transport, pad, refusal) : nullptr;
  if (!second) return {{refusal.empty() ? kNoReason : refusal, "", ""}, {}};
  return {{"", first->handle(), second->handle()}, {first, second}};
}

std::string Connector::attach_blocks(Transport& transport, const Meeting& meeting, std::size_t peer,
                                     const ExportedHandles& handles, const Deadline& deadline,
                                     Connection& connection) {
  const Description& theirs = meeting.described[peer];
  const int rank = static_cast<int>(peer);
  const PeerInfo info{rank, meeting.group.member(rank), theirs.host_id, meeting.buffer->device};
  std::string refusal;
  connection.buffer =
      attach_once(transport, info, theirs.buffer, handles.buffer, theirs.bytes, deadline, refusal);
  if (connection.buffer)
    connection.pad = attach_once(transport, info, pad_range(theirs, transport.by_key()),
                                 handles.pad, pad_bytes(meeting.group, theirs), deadline, refusal);
  return connection.pad ? "" : refusal.empty() ? kNoReason : refusal;
}

std::shared_ptr<Connections> Connector::connect(Collective& collective, const Meeting& meeting) {
  Blocks blocks;
  bool all_kept = true;
  for (const Description& one : meeting.described) {
    blocks.push_back({one.buffer.block, one.pad.block, one.network_pad.block});
    all_kept = all_kept && one.buffer.kept && one.pad.kept && one.network_pad.kept;
  }
  if (const auto known = remembered_.find(blocks); known != remembered_.end()) {
    for (std::size_t r = 0; r < meeting.described.size(); ++r) {
      const Connection& peer = known->second->peers[r];
      if (!peer.buffer) continue;  // Ourselves.
      const Description& theirs = meeting.described[r];
      check_range(static_cast<int>(r), theirs.buffer, theirs.bytes, *peer.buffer);
      check_range(static_cast<int>(r), pad_range(theirs, peer.pad->key() != nullptr),
                  pad_bytes(meeting.group, theirs), *peer.pad);
    }
    return known->second;
  }
  auto connections = TransportSelection(*this, collective, meeting).run();
  if (all_kept) remembered_[blocks] = connections;
  return connections;
}

void Connector::detach() {
  for (const auto& [blocks, connections] : remembered_)
    kept_.insert(connections->exports.begin(), connections->exports.end());
  remembered_.clear();
}

}  // namespace symmem
