// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/transport_selection.hpp"

#include <algorithm>
#include <tuple>

#include "base/check.hpp"

namespace symmem {
namespace {

/// An error lists at most this many unconnected pairs.
constexpr int kMaxPairsListed = 8;
/// In groups of up to this many ranks, explain() prints a matrix of the routes.
constexpr std::size_t kMaxMatrix = 32;

}  // namespace

TransportSelection::TransportSelection(AttachmentCache& cache, Collective& collective,
                                       const RendezvousInput& input)
    : cache_(cache),
      collective_(collective),
      input_(input),
      size_(static_cast<std::size_t>(input.group.world_size())),
      connections_(std::make_shared<Connections>()),
      refused_(size_ * size_),
      transport_(size_ * size_, kNone) {
  connections_->peers.resize(size_);
  for (std::size_t r = 0; r < size_; ++r) transport_[r * size_ + r] = kSelf;
  connections_->peers[self()].route.transport = "self";
}

std::shared_ptr<Connections> TransportSelection::run() {
  for (std::size_t t = 0; t < input_.transports.size() && !complete(); ++t) round(t);
  require_complete();
  for (std::size_t r = 0; r < size_; ++r)
    if (r != self()) connections_->peers[r].route = route(self(), r);
  if (size_ <= kMaxMatrix)
    for (const std::size_t t : transport_) connections_->matrix.push_back(name(t));
  return std::move(connections_);
}

std::string TransportSelection::name(std::size_t t) const {
  return t == kNone ? "none" : t == kSelf ? "self" : std::string(transport(t).name());
}

bool TransportSelection::complete() const {
  return std::none_of(transport_.begin(), transport_.end(),
                      [](std::size_t t) { return t == kNone; });
}

void TransportSelection::round(std::size_t t) {
  std::vector<ExportedHandles> handles;
  if (t == 0 && all_described_handles()) {
    export_blocks(t);  // Keeps the exports of the described handles.
    for (const Description& one : input_.described) handles.push_back(*one.handles);
  } else {
    for (const std::string& bytes : collective_.gather([&] { return export_blocks(t).encode(); }))
      handles.push_back(ExportedHandles::decode(bytes));
  }
  agree(t, collective_.gather([&] { return attach_peers(t, handles); }));
}

bool TransportSelection::all_described_handles() const {
  return std::all_of(input_.described.begin(), input_.described.end(),
                     [](const Description& one) { return one.handles.has_value(); });
}

ExportedHandles TransportSelection::export_blocks(std::size_t t) {
  auto [handles, exports] = cache_.export_blocks(
      transport(t), input_.buffer, transport(t).by_key() ? input_.network_pad : input_.pad);
  connections_->exports.insert(connections_->exports.end(), exports.begin(), exports.end());
  return handles;
}

std::string TransportSelection::attach_peers(std::size_t t,
                                             const std::vector<ExportedHandles>& handles) {
  std::vector<std::string> outcome(size_);
  for (std::size_t r = 0; r < size_; ++r) {
    if (transport_[self() * size_ + r] != kNone) continue;
    try {
      outcome[r] = handles[r].refusal.empty()
                       ? cache_.attach_blocks(transport(t), input_, r, handles[r],
                                              collective_.deadline(), connections_->peers[r])
                       : "the peer does not export: " + handles[r].refusal;
    } catch (Error& e) {
      e.add_context(fmt::format("attach {} by {}", input_.group.describe(static_cast<int>(r)),
                                transport(t).name()));
      throw;
    }
  }
  return encode_outcome(outcome);
}

void TransportSelection::agree(std::size_t t, const std::vector<std::string>& table) {
  std::vector<std::vector<std::string>> outcomes;
  for (const std::string& bytes : table) outcomes.push_back(decode_outcome(bytes, size_));
  for (std::size_t a = 0; a < size_; ++a)
    for (std::size_t b = a + 1; b < size_; ++b)
      if (transport_[a * size_ + b] == kNone) settle(t, a, b, outcomes[a][b], outcomes[b][a]);
}

void TransportSelection::settle(std::size_t t, std::size_t a, std::size_t b,
                                const std::string& from_a, const std::string& from_b) {
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

Route TransportSelection::route(std::size_t from, std::size_t to) const {
  const std::size_t t = transport_[from * size_ + to];
  return {name(t), refused_[from * size_ + to]};
}

bool TransportSelection::acceptable(std::size_t a, std::size_t b) const {
  const auto& wanted = input_.described[self()].require;
  const std::size_t t = transport_[a * size_ + b];
  if (t == kNone) return false;
  return wanted.empty() ||
         std::find(wanted.begin(), wanted.end(), transport(t).name()) != wanted.end();
}

void TransportSelection::require_complete() {
  std::string pairs;
  int count = 0;
  for (std::size_t a = 0; a < size_; ++a)
    for (std::size_t b = a + 1; b < size_; ++b)
      if (!acceptable(a, b) && ++count <= kMaxPairsListed)
        pairs += fmt::format("\n  {} and {}: {}", input_.group.describe(static_cast<int>(a)),
                             input_.group.describe(static_cast<int>(b)), reasons(a, b));
  if (count == 0) return;
  // If the cause is a rank that died after its contribution, this gather fails and names the dead
  // rank.
  static_cast<void>(collective_.gather([] { return std::string(); }));
  if (count > kMaxPairsListed)
    pairs += fmt::format("\n  and {} more pairs", count - kMaxPairsListed);
  const auto& wanted = input_.described[self()].require;
  fail(Errc::unsupported, "{} pairs of ranks have no {}:{}", count,
       wanted.empty() ? "transport"
                      : fmt::format("transport that SYMMEM_REQUIRE={} allows for memory on {}",
                                    fmt::join(wanted, ","), to_string(input_.buffer->device.type)),
       pairs);
}

std::string TransportSelection::reasons(std::size_t a, std::size_t b) const {
  const Route way = route(a, b);
  std::string text = way.transport == "none" ? "" : "connected by " + way.transport;
  for (const RefusedTransport& refused : way.refused)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", refused.transport, refused.reason);
  if (!text.empty()) return text;
  return fmt::format("no transport supports memory on {} (see SYMMEM_TRANSPORTS)",
                     to_string(input_.buffer->device.type));
}

}  // namespace symmem
