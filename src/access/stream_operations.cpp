// SPDX-License-Identifier: Apache-2.0
#include "symmem/stream.hpp"

#include "access/memory_impl.hpp"

namespace symmem {
namespace {

/// The place in a mapped peer's buffer, after all checks that can be made now.
std::byte* mapped(const SymmetricMemory::Impl& impl, int rank, std::size_t offset,
                  std::size_t bytes, const char* operation) {
  std::byte* at = impl.reach(rank, offset, bytes, operation);
  if (at == nullptr)
    fail(Errc::unsupported,
         "{} on a stream: {} is reached by {}, without a pointer; use the host's {}", operation,
         impl.group->describe(rank), impl.routes[static_cast<std::size_t>(rank)].transport,
         operation);
  return at;
}

std::chrono::nanoseconds limit(const SymmetricMemory::Impl& impl, Timeout timeout) {
  return impl.group->deadline(timeout).timeout();
}

}  // namespace

void StreamOperations::put(int dst, std::size_t offset, const void* source,
                           std::size_t bytes) const {
  const auto& impl = memory_->impl();
  std::byte* target = mapped(impl, dst, offset, bytes, "put");
  check_local(source, bytes, "put on a stream");
  impl.gpu->gpu().copy(stream_, {target, source, bytes});
}

void StreamOperations::get(int src, std::size_t offset, void* target, std::size_t bytes) const {
  const auto& impl = memory_->impl();
  const std::byte* source = mapped(impl, src, offset, bytes, "get");
  check_local(target, bytes, "get on a stream");
  impl.gpu->gpu().copy(stream_, {target, source, bytes});
}

void StreamOperations::put_signal(int dst, int channel) const {
  const auto& impl = memory_->impl();
  mapped(impl, dst, 0, 0, "put_signal");
  impl.signals->check_channel(channel, "put_signal");
  impl.gpu->gpu().put_signal(stream_, impl.gpu->view(), dst, channel);
}

void StreamOperations::wait_signal(int src, int channel, Timeout timeout) const {
  const auto& impl = memory_->impl();
  impl.check_usable("wait_signal");
  impl.check_rank(src, "wait_signal");
  impl.group->check_peer(memory_->rank(), "wait_signal");
  impl.signals->check_channel(channel, "wait_signal");
  impl.gpu->gpu().wait_signal(stream_, impl.gpu->view(), src, channel, limit(impl, timeout));
}

void StreamOperations::put_with_signal(int dst, std::size_t offset, const void* source,
                                       std::size_t bytes, int channel) const {
  const auto& impl = memory_->impl();
  std::byte* target = mapped(impl, dst, offset, bytes, "put_with_signal");
  check_local(source, bytes, "put_with_signal on a stream");
  impl.signals->check_channel(channel, "put_with_signal");
  impl.gpu->gpu().put_with_signal(stream_, impl.gpu->view(), {target, source, bytes}, dst, channel);
}

void StreamOperations::barrier(int channel, Timeout timeout) const {
  const auto& impl = memory_->impl();
  for (int r = 0; r < impl.group->world_size(); ++r) mapped(impl, r, 0, 0, "barrier");
  impl.signals->check_channel(channel, "barrier");
  impl.signals->check_barrier_usable(channel);
  impl.gpu->gpu().barrier(stream_, impl.gpu->view(), channel, limit(impl, timeout));
}

}  // namespace symmem
