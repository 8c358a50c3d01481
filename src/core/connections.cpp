// SPDX-License-Identifier: Apache-2.0
#include "core/connections.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "core/connection_parts.hpp"
#include "core/signal_pad.hpp"

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
void check_place(int rank, const Place& place, std::uint64_t bytes, const Attachment& attachment) {
  require(place.offset <= attachment.bytes() && bytes <= attachment.bytes() - place.offset &&
              place.offset % BlockPool::kAlignment == 0,
          Errc::invalid_argument,
          "rank {} announced {} bytes at offset {} of a block that has {} bytes", rank, bytes,
          place.offset, attachment.bytes());
}

std::uint64_t pad_bytes(const Group& group, const Description& described) {
  return SignalPad::bytes(static_cast<int>(described.channels), group.world_size());
}

const Place& pad_place(const Description& described, bool by_key) {
  return by_key ? described.network_pad : described.pad;
}

/// For a transport that says neither yes nor why not.
constexpr const char* kNoReason = "refused without a reason";

/// A pair's unconnected ends are listed up to this many pairs.
constexpr int kMaxPairsTold = 8;
/// Groups of up to this many ranks get their routes told as a matrix.
constexpr std::size_t kMaxMatrix = 32;

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
                                                   const Place& place, std::string_view handle,
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
  check_place(peer.rank, place, bytes, *attachment);
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

/// One rendezvous' way through the transports.
class Connector::Rounds {
 public:
  Rounds(Connector& connector, Collective& collective, const Meeting& meeting)
      : connector_(connector),
        collective_(collective),
        meeting_(meeting),
        size_(static_cast<std::size_t>(meeting.group.world_size())),
        connections_(std::make_shared<Connections>()),
        refused_(size_ * size_),
        transport_(size_ * size_, kNone) {
    connections_->peers.resize(size_);
    for (std::size_t r = 0; r < size_; ++r) transport_[r * size_ + r] = kSelf;
    connections_->peers[self()].route.transport = "self";
  }

  /// One round a transport, best first, while some pair is left.
  std::shared_ptr<Connections> run() {
    for (std::size_t t = 0; t < meeting_.transports.size() && !complete(); ++t) round(t);
    require_complete();
    for (std::size_t r = 0; r < size_; ++r)
      if (r != self()) connections_->peers[r].route = route(self(), r);
    if (size_ <= kMaxMatrix)
      for (const std::size_t t : transport_) connections_->matrix.push_back(name(t));
    return std::move(connections_);
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX, kSelf = SIZE_MAX - 1;

  std::size_t self() const { return static_cast<std::size_t>(meeting_.group.rank()); }
  Transport& transport(std::size_t t) const { return *meeting_.transports[t]; }
  bool complete() const {
    return std::none_of(transport_.begin(), transport_.end(),
                        [](std::size_t t) { return t == kNone; });
  }

  void round(std::size_t t) {
    std::vector<ExportedHandles> handles;
    if (t == 0 && all_described_handles()) {
      export_blocks(t);  // Once more, for `connections_` to hold it.
      for (const Description& one : meeting_.described) handles.push_back(*one.handles);
    } else {
      for (const std::string& bytes : collective_.gather([&] { return export_blocks(t).encode(); }))
        handles.push_back(ExportedHandles::decode(bytes));
    }
    agree(t, collective_.gather([&] { return attach_peers(t, handles); }));
  }

  bool all_described_handles() const {
    return std::all_of(meeting_.described.begin(), meeting_.described.end(),
                       [](const Description& one) { return one.handles.has_value(); });
  }

  ExportedHandles export_blocks(std::size_t t) {
    auto [handles, exports] = connector_.export_blocks(
        transport(t), meeting_.buffer, transport(t).by_key() ? meeting_.network_pad : meeting_.pad);
    connections_->exports.insert(connections_->exports.end(), exports.begin(), exports.end());
    return handles;
  }

  /// Attaches every peer that is left; says for each rank "" (attached) or why not.
  std::string attach_peers(std::size_t t, const std::vector<ExportedHandles>& handles) {
    std::vector<std::string> outcome(size_);
    for (std::size_t r = 0; r < size_; ++r) {
      if (transport_[self() * size_ + r] != kNone) continue;
      try {
        outcome[r] = handles[r].refusal.empty() ? attach(t, r, handles[r])
                                                : "it does not export: " + handles[r].refusal;
      } catch (Error& e) {
        e.add(fmt::format("attach {} by {}", meeting_.group.describe(static_cast<int>(r)),
                          transport(t).name()));
        throw;
      }
    }
    return encode_outcome(outcome);
  }

  std::string attach(std::size_t t, std::size_t r, const ExportedHandles& handles) {
    const Description& theirs = meeting_.described[r];
    Connection& connection = connections_->peers[r];
    std::string refusal;
    connection.buffer = connector_.attach_once(transport(t), info(r), theirs.buffer, handles.buffer,
                                               theirs.bytes, collective_.deadline(), refusal);
    if (connection.buffer)
      connection.pad = connector_.attach_once(
          transport(t), info(r), pad_place(theirs, transport(t).by_key()), handles.pad,
          pad_bytes(meeting_.group, theirs), collective_.deadline(), refusal);
    return connection.pad ? "" : refusal.empty() ? kNoReason : refusal;
  }

  PeerInfo info(std::size_t r) const {
    return {static_cast<int>(r), meeting_.group.member(static_cast<int>(r)),
            meeting_.described[r].host_id, meeting_.buffer->device};
  }

  /// A pair is connected by the first transport that attached in both directions. What only one end
  /// attached is dropped.
  void agree(std::size_t t, const std::vector<std::string>& table) {
    std::vector<std::vector<std::string>> outcomes;
    for (const std::string& bytes : table) outcomes.push_back(decode_outcome(bytes, size_));
    for (std::size_t a = 0; a < size_; ++a)
      for (std::size_t b = a + 1; b < size_; ++b)
        if (transport_[a * size_ + b] == kNone) settle(t, a, b, outcomes[a][b], outcomes[b][a]);
  }

  void settle(std::size_t t, std::size_t a, std::size_t b, const std::string& from_a,
              const std::string& from_b) {
    if (from_a.empty() && from_b.empty()) {
      transport_[a * size_ + b] = transport_[b * size_ + a] = t;
      return;
    }
    for (const auto& [near, far, mine, theirs] :
         {std::tie(a, b, from_a, from_b), std::tie(b, a, from_b, from_a)}) {
      refused_[near * size_ + far].push_back(
          {std::string(transport(t).name()),
           mine.empty() ? fmt::format("rank {} could not attach: {}", far, theirs) : mine});
      if (near == self()) connections_->peers[far] = Connection{};
    }
  }

  std::string name(std::size_t t) const {
    return t == kNone ? "none" : t == kSelf ? "self" : std::string(transport(t).name());
  }

  Route route(std::size_t from, std::size_t to) const {
    const std::size_t t = transport_[from * size_ + to];
    return {name(t), refused_[from * size_ + to]};
  }

  bool acceptable(std::size_t a, std::size_t b) const {
    const auto& wanted = meeting_.described[self()].require;
    const std::size_t t = transport_[a * size_ + b];
    if (t == kNone) return false;
    return wanted.empty() ||
           std::find(wanted.begin(), wanted.end(), transport(t).name()) != wanted.end();
  }

  /// Throws, the same on every rank, for pairs that no transport or not a required one connects.
  void require_complete() {
    std::string pairs;
    int count = 0;
    for (std::size_t a = 0; a < size_; ++a)
      for (std::size_t b = a + 1; b < size_; ++b)
        if (!acceptable(a, b) && ++count <= kMaxPairsTold)
          pairs += fmt::format("\n  {} and {}: {}", meeting_.group.describe(static_cast<int>(a)),
                               meeting_.group.describe(static_cast<int>(b)), reasons(a, b));
    if (count == 0) return;
    // A rank that died after it had told its part cannot be attached either: then this fails, and
    // says so.
    static_cast<void>(collective_.gather([] { return std::string(); }));
    if (count > kMaxPairsTold) pairs += fmt::format("\n  and {} more pairs", count - kMaxPairsTold);
    const auto& wanted = meeting_.described[self()].require;
    fail(Errc::unsupported, "{} pairs of ranks are left without {}:{}", count,
         wanted.empty()
             ? "a transport"
             : fmt::format("a transport that SYMMEM_REQUIRE={} allows for memory on {}",
                           fmt::join(wanted, ","), to_string(meeting_.buffer->device.type)),
         pairs);
  }

  std::string reasons(std::size_t a, std::size_t b) const {
    const Route way = route(a, b);
    std::string text = way.transport == "none" ? "" : "connected by " + way.transport;
    for (const RefusedTransport& refused : way.refused)
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", refused.transport, refused.reason);
    if (!text.empty()) return text;
    return fmt::format("no transport carries memory on {} (SYMMEM_TRANSPORTS)",
                       to_string(meeting_.buffer->device.type));
  }

  Connector& connector_;
  Collective& collective_;
  const Meeting& meeting_;
  const std::size_t size_;
  std::shared_ptr<Connections> connections_;
  std::vector<std::vector<RefusedTransport>> refused_;  ///< [from * size + to]
  std::vector<std::size_t> transport_;                  ///< [from * size + to], symmetric.
};

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
      check_place(static_cast<int>(r), theirs.buffer, theirs.bytes, *peer.buffer);
      check_place(static_cast<int>(r), pad_place(theirs, peer.pad->key() != nullptr),
                  pad_bytes(meeting.group, theirs), *peer.pad);
    }
    return known->second;
  }
  auto connections = Rounds(*this, collective, meeting).run();
  if (all_kept) remembered_[blocks] = connections;
  return connections;
}

void Connector::detach() {
  for (const auto& [blocks, connections] : remembered_)
    kept_.insert(connections->exports.begin(), connections->exports.end());
  remembered_.clear();
}

}  // namespace symmem
