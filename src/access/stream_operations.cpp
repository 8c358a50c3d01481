// SPDX-License-Identifier: Apache-2.0
#include "symmem/cuda.hpp"

#include "access/local_span.hpp"
#include "access/memory_impl.hpp"

namespace symmem {
namespace {

/// Checks rank, offset and length and returns the address of the range in the peer's mapped buffer.
/// Throws Error(unsupported) if the buffer is not mapped.
std::byte* mapped(const SymmetricMemory::Impl& impl, int rank, std::size_t offset,
                  std::size_t bytes, const char* operation) {
  std::byte* at = impl.reach(rank, offset, bytes, operation);
  if (at == nullptr)
    fail(Errc::unsupported,
         "{} on a stream: the buffer of {} is not mapped ({}); call {} on the host", operation,
         impl.group->describe(rank), impl.tables.routes[static_cast<std::size_t>(rank)].transport,
         operation);
  return at;
}

std::chrono::nanoseconds limit(const SymmetricMemory::Impl& impl, Timeout timeout) {
  return impl.group->deadline(timeout).timeout();
}

}  // namespace

DeviceView SymmetricMemory::device_view() const { return impl_->on_gpu("device_view").view(); }

StreamOperations SymmetricMemory::on(Stream stream) {
  static_cast<void>(impl_->on_gpu("on"));
  return {shared_from_this(), stream};
}

void StreamOperations::put(int peer, std::size_t offset, std::span<const std::byte> source) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  std::byte* target = mapped(impl, peer, offset, source.size(), "put");
  check_local(source, "put on a stream");
  impl.gpu->gpu().copy(stream_, {target, source.data(), source.size()});
}

void StreamOperations::get(int peer, std::size_t offset, std::span<std::byte> target) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  const std::byte* source = mapped(impl, peer, offset, target.size(), "get");
  check_local(target, "get on a stream");
  impl.gpu->gpu().copy(stream_, {target.data(), source, target.size()});
}

void StreamOperations::put_signal(int peer, int channel) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  mapped(impl, peer, 0, 0, "put_signal");
  impl.signals->check_channel(channel, "put_signal");
  impl.gpu->gpu().put_signal(stream_, impl.gpu->view(), peer, channel);
}

void StreamOperations::wait_signal(int peer, int channel, Timeout timeout) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  impl.check_usable("wait_signal");
  impl.check_rank(peer, "wait_signal");
  impl.group->check_peer(memory_->rank(), "wait_signal");
  impl.signals->check_channel(channel, "wait_signal");
  impl.gpu->gpu().wait_signal(stream_, impl.gpu->view(), peer, channel, limit(impl, timeout));
}

void StreamOperations::put_with_signal(int peer, std::size_t offset,
                                       std::span<const std::byte> source, int channel) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  std::byte* target = mapped(impl, peer, offset, source.size(), "put_with_signal");
  check_local(source, "put_with_signal on a stream");
  impl.signals->check_channel(channel, "put_with_signal");
  impl.gpu->gpu().put_with_signal(stream_, impl.gpu->view(), {target, source.data(), source.size()},
                                  peer, channel);
}

void StreamOperations::barrier(int channel, Timeout timeout) const {
  const auto& impl = SymmetricMemory::Impl::of(*memory_);
  for (int r = 0; r < impl.group->world_size(); ++r) mapped(impl, r, 0, 0, "barrier");
  impl.signals->check_channel(channel, "barrier");
  impl.signals->check_barrier_usable(channel);
  impl.gpu->gpu().barrier(stream_, impl.gpu->view(), channel, limit(impl, timeout));
}

}  // namespace symmem
