// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/attachment_cache.hpp"

#include "allocation/block_pool.hpp"
#include "base/check.hpp"
#include "signals/signal_pad.hpp"

namespace symmem {
namespace {

/// Expired entries are removed when a map has more entries than this.
constexpr std::size_t kMaxEntries = 1024;
/// Maximum size of the handle of one block; the handles of all ranks must fit into a gather.
constexpr std::size_t kMaxHandleBytes = 1u << 20;
/// The reported reason if a transport refuses without a reason.
constexpr const char* kNoReason = "refused without a reason";

template <typename Map>
void remove_expired(Map& map) {
  if (map.size() > kMaxEntries)
    std::erase_if(map, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

void check_range(int rank, const BlockRange& range, std::uint64_t bytes,
                 const Attachment& attachment) {
  require(range.offset <= attachment.bytes() && bytes <= attachment.bytes() - range.offset &&
              range.offset % BlockPool::kAlignment == 0,
          Errc::invalid_argument,
          "rank {} announced {} bytes at offset {} of a block that has {} bytes", rank, bytes,
          range.offset, attachment.bytes());
}

std::uint64_t pad_bytes(const Group& group, const Description& described) {
  return SignalPad::bytes(static_cast<int>(described.channels), group.world_size());
}

std::shared_ptr<Export> AttachmentCache::export_once(Transport& transport,
                                                     const std::shared_ptr<Block>& block,
                                                     std::string& refusal) {
  const Key key{block->id, transport.name()};
  if (auto known = exports_[key].lock()) return known;
  Offer<Export> offer = transport.export_block(block);
  refusal = std::move(offer.refusal);
  if (offer.value)
    require(offer.value->handle().size() <= kMaxHandleBytes, Errc::invalid_argument,
            "transport {}: a handle has {} bytes; at most {} fit into a gather of all ranks",
            transport.name(), offer.value->handle().size(), kMaxHandleBytes);
  exports_[key] = offer.value;
  remove_expired(exports_);
  return offer.value;
}

std::shared_ptr<Attachment> AttachmentCache::attach_once(
    Transport& transport, const PeerInfo& peer, const BlockRange& range, std::string_view handle,
    std::uint64_t bytes, const Deadline& deadline, std::string& refusal) {
  const AttachmentKey key{{range.block, std::string(transport.name())}, peer.used_from.index};
  auto attachment = attachments_[key].lock();
  if (!attachment) {
    Offer<Attachment> offer = transport.attach(peer, range.block, handle, deadline.remaining());
    refusal = std::move(offer.refusal);
    attachment = std::move(offer.value);
  }
  if (!attachment) return nullptr;
  check_range(peer.rank, range, bytes, *attachment);
  attachments_[key] = attachment;
  remove_expired(attachments_);
  return attachment;
}

Exported AttachmentCache::export_blocks(Transport& transport, const std::shared_ptr<Block>& buffer,
                                        const std::shared_ptr<Block>& pad) {
  std::string refusal;
  const auto first = export_once(transport, buffer, refusal);
  const auto second = first ? export_once(transport, pad, refusal) : nullptr;
  if (!second) return {{refusal.empty() ? kNoReason : refusal, "", ""}, {}};
  return {{"", first->handle(), second->handle()}, {first, second}};
}

std::string AttachmentCache::attach_blocks(Transport& transport, const RendezvousInput& input,
                                           std::size_t peer, const ExportedHandles& handles,
                                           const Deadline& deadline, Connection& connection) {
  const Description& theirs = input.described[peer];
  const int rank = static_cast<int>(peer);
  const PeerInfo info{rank, input.group.member(rank), theirs.host_id, input.buffer->device};
  std::string refusal;
  connection.buffer =
      attach_once(transport, info, theirs.buffer, handles.buffer, theirs.bytes, deadline, refusal);
  if (connection.buffer)
    connection.pad = attach_once(transport, info, pad_range(theirs, transport.by_key()),
                                 handles.pad, pad_bytes(input.group, theirs), deadline, refusal);
  if (!connection.pad) return refusal.empty() ? kNoReason : refusal;
  const bool by_key = connection.buffer->key() != nullptr;
  require(by_key == (connection.pad->key() != nullptr) &&
              by_key == (connection.buffer->pointer() == nullptr) &&
              by_key == (connection.pad->pointer() == nullptr),
          Errc::invalid_argument,
          "transport {}: each Attachment must have either a pointer or a key, and the Attachments "
          "of a peer's buffer and signal pad must be of the same kind",
          transport.name());
  return "";
}

}  // namespace symmem
