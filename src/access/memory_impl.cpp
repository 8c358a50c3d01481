// SPDX-License-Identifier: Apache-2.0
#include "access/memory_impl.hpp"

#include "signals/gpu_signals.hpp"
#include "signals/host_signals.hpp"

namespace symmem {

SymmetricMemory::Impl::Impl(MemoryParts parts)
    : record(parts.record),
      group(parts.record->group),
      allocation(std::move(parts.allocation)),
      device(allocation->range().block->device),
      buffer_bytes(allocation->bytes()),
      connections(std::move(parts.connections)),
      pads(std::move(parts.pads)),
      open(std::move(parts.open)) {
  const Description& own = parts.described[static_cast<std::size_t>(group->rank())];
  const int channels = static_cast<int>(own.channels);
  std::vector<PeerPad> peers = find_peers(parts.described);
  if (!parts.gpu) {
    signals = std::make_unique<HostSignals>(*group, channels, std::move(peers));
    return;
  }
  gpu = std::make_unique<GpuState>(
      *group,
      GpuState::Parts{parts.gpu, pads[0].range().pointer(), pads[1].range().pointer(), channels,
                      buffer_bytes, group->deadline({}).timeout(), buffer_ptrs, pad_ptrs});
  signals = std::make_unique<GpuSignals>(*group, channels, std::move(peers), *gpu);
}

SymmetricMemory::Impl::~Impl() = default;

/// Fills the tables by rank, and returns the pads.
std::vector<PeerPad> SymmetricMemory::Impl::find_peers(const std::vector<Description>& described) {
  const int size = group->world_size();
  std::vector<PeerPad> peers;
  for (std::size_t r = 0; r < connections->peers.size(); ++r) {
    const Connection& peer = connections->peers[r];
    const Description& theirs = described[r];
    const bool self = static_cast<int>(r) == group->rank();
    BlockKey* const key = self ? nullptr : peer.buffer->key();
    std::byte* pad_at = nullptr;
    if (key == nullptr) {
      buffer_ptrs.push_back(self ? allocation->pointer()
                                 : peer.buffer->pointer() + theirs.buffer.offset);
      pad_at = self ? pads[0].range().pointer() : peer.pad->pointer() + theirs.pad.offset;
      peers.emplace_back(SignalPad(pad_at, size));
    } else {
      buffer_ptrs.push_back(nullptr);
      peers.emplace_back(*peer.pad->key(), theirs.network_pad.offset, size);
    }
    pad_ptrs.push_back(pad_at);
    buffer_keys.push_back({key, theirs.buffer.offset});
    routes.push_back(peer.route);
  }
  return peers;
}

void SymmetricMemory::Impl::detach(bool well) {
  if (closed.exchange(true)) return;
  open.clear();
  // A copy of the exports' owners stays: they are void only when no peer can use them any more.
  auto exports = std::make_shared<Connections>();
  if (!well) exports->exports = connections->exports;
  connections = std::move(exports);
  allocation->closed(group->name(), well);
  for (PadLease& pad : pads) well ? pad.give_back() : pad.keep();
  if (well) allocation.reset();
}

void SymmetricMemory::Impl::withdraw() {
  connections = std::make_shared<Connections>();
  allocation.reset();
}

}  // namespace symmem
