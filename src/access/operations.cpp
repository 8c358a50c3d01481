// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/doorbell.hpp"
#include "access/memory_impl.hpp"

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

using KeyPut = void (BlockKey::*)(std::size_t, const void*, std::size_t, Wait&);
using KeyGet = void (BlockKey::*)(std::size_t, void*, std::size_t, Wait&);

/// By pointer a copy is complete when it returns, which every form of put and get allows; else
/// `by_key` is the form that was asked for.
void put_as(const SymmetricMemory::Impl& impl, const char* operation, KeyPut by_key, int dst,
            std::size_t offset, const void* source, std::size_t bytes) {
  std::byte* target = impl.reach(dst, offset, bytes, operation);
  if (bytes == 0) return;
  if (target != nullptr) [[likely]]
    return impl.copy(target, source, bytes);
  impl.by_key(dst, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    (key.*by_key)(base + offset, source, bytes, wait);
  });
}

void get_as(const SymmetricMemory::Impl& impl, const char* operation, KeyGet by_key, int src,
            std::size_t offset, void* target, std::size_t bytes) {
  const std::byte* source = impl.reach(src, offset, bytes, operation);
  if (bytes == 0) return;
  if (source != nullptr) [[likely]]
    return impl.copy(target, source, bytes);
  impl.by_key(src, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    (key.*by_key)(base + offset, target, bytes, wait);
  });
}

/// The pieces' offsets are of the buffer.
void get_by_key(const SymmetricMemory::Impl& impl, const char* operation, int src,
                std::vector<GetPiece> pieces) {
  impl.by_key(src, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    for (GetPiece& piece : pieces) piece.offset += base;
    key.get_pieces(pieces, wait);
  });
}

/// Makes `count` copies by pointer, the i-th as `piece(i)` says; on a GPU all before it waits.
template <typename PieceAt>
void copy_pieces(const SymmetricMemory::Impl& impl, std::size_t count, PieceAt piece) {
  std::vector<Copy> copies;
  for (std::size_t i = 0; i < count; ++i) {
    const Copy copy = piece(i);
    if (copy.bytes == 0) continue;
    if (impl.gpu)
      copies.push_back(copy);
    else
      std::memcpy(copy.to, copy.from, copy.bytes);
  }
  if (impl.gpu) impl.gpu->gpu().copy(copies);
}

}  // namespace

void SymmetricMemory::put(int dst, std::size_t offset, const void* source, std::size_t bytes) {
  put_as(*impl_, "put", &BlockKey::put, dst, offset, source, bytes);
}

void SymmetricMemory::get(int src, std::size_t offset, void* target, std::size_t bytes) {
  get_as(*impl_, "get", &BlockKey::get, src, offset, target, bytes);
}

void SymmetricMemory::put(int dst, std::span<const PutPiece> pieces) {
  // All are checked before the first is written.
  for (const PutPiece& piece : pieces) {
    impl_->reach(dst, piece.offset, piece.bytes, "put");
    check_local(piece.local, piece.bytes, "put");
  }
  if (std::byte* target = impl_->reach(dst, 0, 0, "put"))
    return copy_pieces(*impl_, pieces.size(), [&](std::size_t i) {
      return Copy{target + pieces[i].offset, pieces[i].local, pieces[i].bytes};
    });
  for (const PutPiece& piece : pieces) put(dst, piece.offset, piece.local, piece.bytes);
}

void SymmetricMemory::get(int src, std::span<const GetPiece> pieces) {
  for (const GetPiece& piece : pieces) {
    impl_->reach(src, piece.offset, piece.bytes, "get");
    check_local(piece.local, piece.bytes, "get");
  }
  if (const std::byte* source = impl_->reach(src, 0, 0, "get"))
    return copy_pieces(*impl_, pieces.size(), [&](std::size_t i) {
      return Copy{pieces[i].local, source + pieces[i].offset, pieces[i].bytes};
    });
  get_by_key(*impl_, "get", src, {pieces.begin(), pieces.end()});
}

void SymmetricMemory::put_strided(int dst, std::size_t offset, const void* source,
                                  const Strided& shape) {
  std::byte* target =
      impl_->reach(dst, offset, span_of(shape.count, shape.bytes, shape.peer_stride, "put_strided"),
                   "put_strided");
  check_local(source, span_of(shape.count, shape.bytes, shape.local_stride, "put_strided"),
              "put_strided");
  const auto* from = static_cast<const std::byte*>(source);
  if (target != nullptr)
    return copy_pieces(*impl_, shape.count, [&](std::size_t i) {
      return Copy{target + i * shape.peer_stride, from + i * shape.local_stride, shape.bytes};
    });
  for (std::size_t i = 0; i < shape.count && shape.bytes != 0; ++i)
    put(dst, offset + i * shape.peer_stride, from + i * shape.local_stride, shape.bytes);
}

void SymmetricMemory::get_strided(int src, std::size_t offset, void* target, const Strided& shape) {
  const std::byte* source =
      impl_->reach(src, offset, span_of(shape.count, shape.bytes, shape.peer_stride, "get_strided"),
                   "get_strided");
  check_local(target, span_of(shape.count, shape.bytes, shape.local_stride, "get_strided"),
              "get_strided");
  auto* to = static_cast<std::byte*>(target);
  if (source != nullptr)
    return copy_pieces(*impl_, shape.count, [&](std::size_t i) {
      return Copy{to + i * shape.local_stride, source + i * shape.peer_stride, shape.bytes};
    });
  std::vector<GetPiece> pieces;
  for (std::size_t i = 0; i < shape.count && shape.bytes != 0; ++i)
    pieces.push_back({offset + i * shape.peer_stride, to + i * shape.local_stride, shape.bytes});
  get_by_key(*impl_, "get_strided", src, std::move(pieces));
}

void SymmetricMemory::put_nbi(int dst, std::size_t offset, const void* source, std::size_t bytes) {
  check_local(source, bytes, "put_nbi");
  put_as(*impl_, "put_nbi", &BlockKey::put_nbi, dst, offset, source, bytes);
}
void SymmetricMemory::get_nbi(int src, std::size_t offset, void* target, std::size_t bytes) {
  check_local(target, bytes, "get_nbi");
  get_as(*impl_, "get_nbi", &BlockKey::get_nbi, src, offset, target, bytes);
}

void SymmetricMemory::put_with_signal(int dst, std::size_t offset, const void* source,
                                      std::size_t bytes, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->signals->check_channel(channel, "put_with_signal");
  check_local(source, bytes, "put_with_signal");
  std::byte* target = impl_->reach(dst, offset, bytes, "put_with_signal");
  if (target != nullptr || bytes == 0) {
    if (bytes != 0) impl_->copy(target, source, bytes);
    return impl_->signals->put(dst, channel, timeout);
  }
  impl_->by_key(dst, "put_with_signal", timeout, [&](BlockKey& key, std::size_t base, Wait& wait) {
    const PeerPad& pad = impl_->signals->peer(dst);
    key.put_with_signal(base + offset, source, bytes, *pad.key, pad.signals(channel, rank()), wait);
  });
}

void SymmetricMemory::flush(int peer, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("flush");
  impl_->flush(peer, timeout);
  impl_->check_usable("flush");
}

void SymmetricMemory::Impl::flush(int peer, Timeout timeout) const {
  check_rank(peer, "flush");
  // What goes by pointer is where it belongs; the fence orders stores before what follows. A key
  // is flushed even if the peer is lost: what the caller lent it is to be the caller's again.
  if (buffer_ptrs[static_cast<std::size_t>(peer)] != nullptr)
    full_fence();
  else
    by_key(peer, "flush", timeout, [](BlockKey& key, std::size_t, Wait& wait) { key.flush(wait); });
  group->check_peer(peer, "flush");
}

void SymmetricMemory::Impl::flush_all(const Deadline& deadline) const {
  std::exception_ptr first;
  for (int r = 0; r < group->world_size(); ++r) try {
      flush(r, deadline.remaining());
    } catch (const Error&) {
      if (!first) first = std::current_exception();
    }
  if (first) std::rethrow_exception(first);
}

void SymmetricMemory::flush(Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("flush");
  impl_->flush_all(impl_->group->deadline(timeout));
  impl_->check_usable("flush");
}

void SymmetricMemory::put_signal(int dst, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->reach(dst, 0, 0, "put_signal");
  impl_->signals->check_channel(channel, "put_signal");
  impl_->signals->put(dst, channel, timeout);
}

void SymmetricMemory::wait_signal(int src, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_usable("wait_signal");
  impl_->check_rank(src, "wait_signal");
  impl_->group->check_peer(rank(), "wait_signal");
  impl_->signals->check_channel(channel, "wait_signal");
  impl_->signals->wait(src, channel, timeout);
}

void SymmetricMemory::barrier(int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_usable("barrier");
  impl_->group->check_peer(rank(), "barrier");
  impl_->signals->check_channel(channel, "barrier");
  impl_->signals->barrier(channel, timeout);
}

}  // namespace symmem
