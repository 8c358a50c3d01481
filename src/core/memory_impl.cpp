// SPDX-License-Identifier: Apache-2.0
#include "core/memory_impl.hpp"

namespace symmem {
namespace {

std::vector<SignalPad> as_pads(const std::vector<void*>& pointers) {
  std::vector<SignalPad> pads;
  for (void* at : pointers)
    pads.emplace_back(static_cast<std::byte*>(at), static_cast<int>(pointers.size()));
  return pads;
}

}  // namespace

SymmetricMemory::Impl::Impl(MemoryParts parts)
    : record(std::move(parts.record)),
      group(record->group),
      allocation(std::move(parts.allocation)),
      buffer_bytes(allocation->bytes()),
      connections(std::move(parts.connections)),
      pad_pool(std::move(parts.pad_pool)),
      pad(std::move(parts.pad)) {
  for (std::size_t r = 0; r < connections->peers.size(); ++r) {
    const Connection& peer = connections->peers[r];
    const Description& theirs = parts.described[r];
    const bool self = static_cast<int>(r) == group->rank();
    buffer_ptrs.push_back(self ? allocation->pointer()
                               : peer.buffer->pointer() + theirs.buffer.offset);
    pad_ptrs.push_back(self ? pad.pointer() : peer.pad->pointer() + theirs.pad.offset);
    routes.push_back(peer.route);
  }
  const Description& own = parts.described[static_cast<std::size_t>(group->rank())];
  signals = std::make_unique<Signals>(group, static_cast<int>(own.channels), as_pads(pad_ptrs));
}

SymmetricMemory::Impl::~Impl() = default;

void SymmetricMemory::Impl::detach(bool well) {
  if (closed.exchange(true)) return;
  // A copy of the exports' owners stays: they are void only when no peer can use them any more.
  auto exports = std::make_shared<Connections>();
  if (!well) exports->exports = connections->exports;
  connections = std::move(exports);
  if (well) pad_pool->give_back(pad);
  allocation->closed(group->name(), well);
}

void SymmetricMemory::Impl::withdraw() { connections = std::make_shared<Connections>(); }

}  // namespace symmem
