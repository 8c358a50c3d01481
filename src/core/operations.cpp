// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>

#include "core/doorbell.hpp"
#include "core/memory_impl.hpp"

namespace symmem {
namespace {

/// Bytes from the first to the end of the last of `count` pieces a stride apart.
std::size_t span_of(std::size_t count, std::size_t bytes, std::size_t stride,
                    const char* operation) {
  if (count == 0) return 0;
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  require(stride == 0 || (kMax - bytes) / stride >= count - 1, Errc::invalid_argument,
          "{}: {} pieces of {} bytes, {} apart, overflow", operation, count, bytes, stride);
  return (count - 1) * stride + bytes;
}

}  // namespace

void SymmetricMemory::put(int dst, std::size_t offset, const void* source, std::size_t bytes) {
  std::byte* target = impl_->reach(dst, offset, bytes, "put");
  if (bytes != 0) std::memcpy(target, source, bytes);
}

void SymmetricMemory::get(int src, std::size_t offset, void* target, std::size_t bytes) {
  const std::byte* source = impl_->reach(src, offset, bytes, "get");
  if (bytes != 0) std::memcpy(target, source, bytes);
}

void SymmetricMemory::put(int dst, std::span<const PutPiece> pieces) {
  // All are checked before the first is written.
  for (const PutPiece& piece : pieces) impl_->reach(dst, piece.offset, piece.bytes, "put");
  for (const PutPiece& piece : pieces) put(dst, piece.offset, piece.local, piece.bytes);
}

void SymmetricMemory::get(int src, std::span<const GetPiece> pieces) {
  for (const GetPiece& piece : pieces) impl_->reach(src, piece.offset, piece.bytes, "get");
  for (const GetPiece& piece : pieces) get(src, piece.offset, piece.local, piece.bytes);
}

void SymmetricMemory::put_strided(int dst, std::size_t offset, const void* source,
                                  const Strided& shape) {
  std::byte* target =
      impl_->reach(dst, offset, span_of(shape.count, shape.bytes, shape.peer_stride, "put_strided"),
                   "put_strided");
  const auto* from = static_cast<const std::byte*>(source);
  for (std::size_t i = 0; i < shape.count && shape.bytes != 0; ++i)
    std::memcpy(target + i * shape.peer_stride, from + i * shape.local_stride, shape.bytes);
}

void SymmetricMemory::get_strided(int src, std::size_t offset, void* target, const Strided& shape) {
  const std::byte* source =
      impl_->reach(src, offset, span_of(shape.count, shape.bytes, shape.peer_stride, "get_strided"),
                   "get_strided");
  auto* to = static_cast<std::byte*>(target);
  for (std::size_t i = 0; i < shape.count && shape.bytes != 0; ++i)
    std::memcpy(to + i * shape.local_stride, source + i * shape.peer_stride, shape.bytes);
}

// By pointer a copy is complete when the call returns, which both forms allow.
void SymmetricMemory::put_nbi(int dst, std::size_t offset, const void* source, std::size_t bytes) {
  put(dst, offset, source, bytes);
}
void SymmetricMemory::get_nbi(int src, std::size_t offset, void* target, std::size_t bytes) {
  get(src, offset, target, bytes);
}

void SymmetricMemory::put_with_signal(int dst, std::size_t offset, const void* source,
                                      std::size_t bytes, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->signals->check_channel(channel, "put_with_signal");
  put(dst, offset, source, bytes);
  put_signal(dst, channel, timeout);
}

void SymmetricMemory::flush(int peer, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->reach(peer, 0, 0, "flush");
  full_fence();  // Stores by pointer are where they belong; this orders them before what follows.
}

void SymmetricMemory::flush(Timeout timeout) {
  for (int r = 0; r < world_size(); ++r) flush(r, timeout);
}

void SymmetricMemory::put_signal(int dst, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->reach(dst, 0, 0, "put_signal");
  impl_->signals->check_channel(channel, "put_signal");
  impl_->signals->put(dst, channel);
}

void SymmetricMemory::wait_signal(int src, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("wait_signal");
  impl_->check_rank(src, "wait_signal");
  impl_->group->check_peer(rank(), "wait_signal");
  impl_->signals->check_channel(channel, "wait_signal");
  impl_->signals->wait(src, channel, timeout);
}

void SymmetricMemory::barrier(int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("barrier");
  impl_->group->check_peer(rank(), "barrier");
  impl_->signals->check_channel(channel, "barrier");
  impl_->signals->barrier(channel, timeout);
}

}  // namespace symmem
