// SPDX-License-Identifier: Apache-2.0
#include "core/memory_impl.hpp"

namespace symmem {

SymmetricMemory::Impl::Impl(MemoryParts parts)
    : record(parts.record),
      group(parts.record->group),
      allocation(std::move(parts.allocation)),
      device(allocation->range().block->device),
      buffer_bytes(allocation->bytes()),
      connections(std::move(parts.connections)),
      pad_pool(std::move(parts.pad_pool)),
      pad(std::move(parts.pad)),
      open(std::move(parts.open)) {
  const int size = group->world_size();
  std::vector<PeerPad> pads;
  for (std::size_t r = 0; r < connections->peers.size(); ++r) {
    const Connection& peer = connections->peers[r];
    const Description& theirs = parts.described[r];
    const bool self = static_cast<int>(r) == group->rank();
    BlockKey* const key = self ? nullptr : peer.buffer->key();
    std::byte* pad_at = nullptr;
    if (key == nullptr) {
      buffer_ptrs.push_back(self ? allocation->pointer()
                                 : peer.buffer->pointer() + theirs.buffer.offset);
      pad_at = self ? pad.pointer() : peer.pad->pointer() + theirs.pad.offset;
      pads.emplace_back(SignalPad(pad_at, size));
    } else {
      buffer_ptrs.push_back(nullptr);
      pads.emplace_back(*peer.pad->key(), theirs.pad.offset, size);
    }
    pad_ptrs.push_back(pad_at);
    buffer_keys.push_back({key, theirs.buffer.offset});
    routes.push_back(peer.route);
  }
  const Description& own = parts.described[static_cast<std::size_t>(group->rank())];
  signals = std::make_unique<Signals>(group, static_cast<int>(own.channels), std::move(pads));
}

SymmetricMemory::Impl::~Impl() = default;

void SymmetricMemory::Impl::detach(bool well) {
  if (closed.exchange(true)) return;
  open.clear();
  // A copy of the exports' owners stays: they are void only when no peer can use them any more.
  auto exports = std::make_shared<Connections>();
  if (!well) exports->exports = connections->exports;
  connections = std::move(exports);
  allocation->closed(group->name(), well);
  if (!well) return;
  pad_pool->give_back(pad);
  pad_pool.reset();
  allocation.reset();
}

void SymmetricMemory::Impl::withdraw() {
  connections = std::make_shared<Connections>();
  pad_pool.reset();
  allocation.reset();
}

}  // namespace symmem
