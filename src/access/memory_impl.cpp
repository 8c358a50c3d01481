// SPDX-License-Identifier: Apache-2.0
#include "access/memory_impl.hpp"

#include "signals/gpu_signals.hpp"
#include "signals/host_signals.hpp"

namespace symmem {

SymmetricMemory::Impl::Impl(MemoryParts parts)
    : holder(std::move(parts.holder)),
      group(std::move(parts.group)),
      serial(std::move(parts.serial)),
      allocation(std::move(parts.allocation)),
      buffer_block(allocation->range.block),
      device(buffer_block->device),
      buffer_bytes(allocation->bytes),
      name(allocation->name),
      tables(std::move(parts.tables)),
      connections(std::move(parts.connections)),
      pads(std::move(parts.pads)),
      open(std::move(parts.open)) {
  if (!parts.gpu) {
    signals = std::make_unique<HostSignals>(*group, parts.channels, tables.peer_pads);
    return;
  }
  gpu = std::make_unique<GpuState>(
      *group, GpuState::Parts{parts.gpu, pads[0].range().pointer(), pads[1].range().pointer(),
                              parts.channels, buffer_bytes, group->deadline({}).timeout(),
                              tables.buffers, tables.pads});
  signals = std::make_unique<GpuSignals>(*group, parts.channels, tables.peer_pads, *gpu);
}

SymmetricMemory::Impl::~Impl() = default;

void SymmetricMemory::Impl::detach(bool ok) {
  if (closed.exchange(true)) return;
  open.clear();
  auto exports = std::make_shared<Connections>();
  if (!ok) exports->exports = connections->exports;
  connections = std::move(exports);
  buffer_block.reset();
  allocation.release(/*reusable=*/ok);
  for (PadLease& pad : pads) ok ? pad.give_back() : pad.quarantine();
}

std::string SymmetricMemory::Impl::quoted_name() const {
  return name.empty() ? "" : " \"" + name + "\"";
}

void SymmetricMemory::Impl::fail_closed(const char* operation) const {
  fail(Errc::finished, "{}: this symmetric memory{} of group \"{}\" is closed", operation,
       quoted_name(), group->name());
}

void SymmetricMemory::Impl::fail_rank(int rank, const char* operation) const {
  fail(Errc::invalid_argument, "{}: rank {} is out of range; group \"{}\" has ranks 0 to {}",
       operation, rank, group->name(), group->world_size() - 1);
}

void SymmetricMemory::Impl::fail_span(std::size_t offset, std::size_t bytes,
                                      const char* operation) const {
  fail(Errc::invalid_argument, "{}: {} bytes at offset {} exceed the buffer{}, which has {} bytes",
       operation, bytes, offset, quoted_name(), buffer_bytes);
}

}  // namespace symmem
