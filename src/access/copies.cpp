// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>

#include "access/local_span.hpp"
#include "access/memory_impl.hpp"

namespace symmem {
namespace {

using Impl = SymmetricMemory::Impl;
using KeyPut = void (BlockKey::*)(std::size_t, const void*, std::size_t, Wait&);
using KeyGet = void (BlockKey::*)(std::size_t, void*, std::size_t, Wait&);

/// Implements put and put_nbi. For a mapped peer, performs a copy that is complete on return; for
/// any other peer, calls `by_key`.
void put_as(const Impl& impl, const char* operation, KeyPut by_key, int peer, std::size_t offset,
            std::span<const std::byte> source) {
  std::byte* const target = impl.reach(peer, offset, source.size(), operation);
  if (source.empty()) return;
  if (target != nullptr) [[likely]]
    return impl.copy(target, source.data(), source.size());
  impl.by_key(peer, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    (key.*by_key)(base + offset, source.data(), source.size(), wait);
  });
}

void get_as(const Impl& impl, const char* operation, KeyGet by_key, int peer, std::size_t offset,
            std::span<std::byte> target) {
  const std::byte* const source = impl.reach(peer, offset, target.size(), operation);
  if (target.empty()) return;
  if (source != nullptr) [[likely]]
    return impl.copy(target.data(), source, target.size());
  impl.by_key(peer, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    (key.*by_key)(base + offset, target.data(), target.size(), wait);
  });
}

/// Gets `pieces` through the key of `peer`. The offsets are relative to the peer's buffer.
void get_pieces(const Impl& impl, const char* operation, int peer, std::vector<GetPiece> pieces) {
  impl.by_key(peer, operation, {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    for (GetPiece& piece : pieces) piece.offset += base;
    key.get_pieces(pieces, wait);
  });
}

/// Performs `count` copies between mapped memory; `piece(i)` returns the i-th. On a GPU, enqueues
/// all copies before the first wait.
template <typename PieceAt>
void copy_pieces(const Impl& impl, std::size_t count, PieceAt piece) {
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

/// Returns the number of bytes from the start of the first piece to the end of the last piece.
std::size_t extent(std::size_t count, std::size_t bytes, std::size_t stride,
                   const char* operation) {
  if (count == 0) return 0;
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  require(stride == 0 || (kMax - bytes) / stride >= count - 1, Errc::invalid_argument,
          "{}: {} pieces of {} bytes with stride {} overflow", operation, count, bytes, stride);
  return (count - 1) * stride + bytes;
}

/// Performs all checks of a strided copy. Returns the address of `offset` in the peer's buffer, or
/// null if the buffer is not mapped.
std::byte* reach_strided(const Impl& impl, const char* operation, int peer, std::size_t offset,
                         std::span<const std::byte> local, const Strided& shape) {
  const std::size_t theirs = extent(shape.count, shape.bytes, shape.peer_stride, operation);
  std::byte* const at = impl.reach(peer, offset, theirs, operation);
  const std::size_t ours = extent(shape.count, shape.bytes, shape.local_stride, operation);
  require(ours <= local.size(), Errc::invalid_argument,
          "{}: {} pieces of {} bytes with stride {} exceed the local span, which has {} bytes",
          operation, shape.count, shape.bytes, shape.local_stride, local.size());
  check_local(local.data(), ours, operation);
  return at;
}

/// Returns how many pieces contain bytes.
std::size_t pieces_of(const Strided& shape) { return shape.bytes == 0 ? 0 : shape.count; }

}  // namespace

void SymmetricMemory::put(int peer, std::size_t offset, std::span<const std::byte> source) {
  put_as(*impl_, "put", &BlockKey::put, peer, offset, source);
}

void SymmetricMemory::get(int peer, std::size_t offset, std::span<std::byte> target) {
  get_as(*impl_, "get", &BlockKey::get, peer, offset, target);
}

void SymmetricMemory::put(int peer, std::span<const PutPiece> pieces) {
  for (const PutPiece& piece : pieces) {
    impl_->reach(peer, piece.offset, piece.source.size(), "put");
    check_local(piece.source, "put");
  }
  if (std::byte* const target = impl_->reach(peer, 0, 0, "put"))
    return copy_pieces(*impl_, pieces.size(), [&](std::size_t i) {
      return Copy{target + pieces[i].offset, pieces[i].source.data(), pieces[i].source.size()};
    });
  for (const PutPiece& piece : pieces) put(peer, piece.offset, piece.source);
}

void SymmetricMemory::get(int peer, std::span<const GetPiece> pieces) {
  for (const GetPiece& piece : pieces) {
    impl_->reach(peer, piece.offset, piece.target.size(), "get");
    check_local(piece.target, "get");
  }
  if (const std::byte* const source = impl_->reach(peer, 0, 0, "get"))
    return copy_pieces(*impl_, pieces.size(), [&](std::size_t i) {
      return Copy{pieces[i].target.data(), source + pieces[i].offset, pieces[i].target.size()};
    });
  get_pieces(*impl_, "get", peer, {pieces.begin(), pieces.end()});
}

void SymmetricMemory::put_strided(int peer, std::size_t offset, std::span<const std::byte> source,
                                  const Strided& shape) {
  std::byte* const target = reach_strided(*impl_, "put_strided", peer, offset, source, shape);
  const auto piece = [&](std::size_t i) { return source.data() + i * shape.local_stride; };
  if (target != nullptr)
    return copy_pieces(*impl_, pieces_of(shape), [&](std::size_t i) {
      return Copy{target + i * shape.peer_stride, piece(i), shape.bytes};
    });
  for (std::size_t i = 0; i < pieces_of(shape); ++i)
    put(peer, offset + i * shape.peer_stride, {piece(i), shape.bytes});
}

void SymmetricMemory::get_strided(int peer, std::size_t offset, std::span<std::byte> target,
                                  const Strided& shape) {
  const std::byte* const source = reach_strided(*impl_, "get_strided", peer, offset, target, shape);
  const auto piece = [&](std::size_t i) { return target.data() + i * shape.local_stride; };
  if (source != nullptr)
    return copy_pieces(*impl_, pieces_of(shape), [&](std::size_t i) {
      return Copy{piece(i), source + i * shape.peer_stride, shape.bytes};
    });
  std::vector<GetPiece> pieces;
  for (std::size_t i = 0; i < pieces_of(shape); ++i)
    pieces.push_back({offset + i * shape.peer_stride, {piece(i), shape.bytes}});
  get_pieces(*impl_, "get_strided", peer, std::move(pieces));
}

void SymmetricMemory::put_nbi(int peer, std::size_t offset, std::span<const std::byte> source) {
  check_local(source, "put_nbi");
  put_as(*impl_, "put_nbi", &BlockKey::put_nbi, peer, offset, source);
}

void SymmetricMemory::get_nbi(int peer, std::size_t offset, std::span<std::byte> target) {
  check_local(target, "get_nbi");
  get_as(*impl_, "get_nbi", &BlockKey::get_nbi, peer, offset, target);
}

void SymmetricMemory::put_with_signal(int peer, std::size_t offset,
                                      std::span<const std::byte> source, int channel,
                                      Timeout timeout) {
  constexpr const char* kOperation = "put_with_signal";
  Group::check_timeout(timeout);
  impl_->signals->check_channel(channel, kOperation);
  check_local(source, kOperation);
  std::byte* const target = impl_->reach(peer, offset, source.size(), kOperation);
  if (target != nullptr || source.empty()) {
    if (!source.empty()) impl_->copy(target, source.data(), source.size());
    return impl_->signals->put(peer, channel, timeout);
  }
  impl_->by_key(peer, kOperation, timeout, [&](BlockKey& key, std::size_t base, Wait& wait) {
    const PeerPad& pad = impl_->signals->peer(peer);
    key.put_with_signal(base + offset, source.data(), source.size(), *pad.key,
                        pad.signals(channel, rank()), wait);
  });
}

}  // namespace symmem
