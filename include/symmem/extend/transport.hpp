// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "symmem/api.hpp"
#include "symmem/element.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/device.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/symmetric_memory.hpp"

namespace SYMMEM_API symmem {

/// Either the thing, or why this transport cannot. A refusal is not an error: the next transport is
/// tried, and the route table shows the reason. Exceptions are for what should have worked.
template <typename T>
struct Offer {
  std::shared_ptr<T> value;
  std::string refusal;

  static Offer refuse(std::string why) { return {nullptr, std::move(why)}; }
};

/// A block made reachable by one transport, for as long as this object lives.
class Export {
 public:
  virtual ~Export() = default;
  /// The bytes with which the same transport on another rank attaches. Opaque to all others.
  virtual std::string handle() const = 0;
};

/// Asked by operations that wait, now and then: how long, and for what, is the caller's matter.
class Wait {
 public:
  virtual ~Wait() = default;
  /// Throws once it is pointless to go on waiting: the deadline has passed, the peer is lost.
  virtual void check() = 0;
};

/// Where a signal arrives, in the block of the peer's signal pad. Offsets in bytes.
struct CounterAddress {
  std::size_t pad = 0;    ///< The pad, which begins with its doorbell.
  std::size_t count = 0;  ///< The u64 that a signal adds one to.
};

/// A peer's block where no pointer reaches. Offsets count from the block's first byte; the caller
/// has checked them against Attachment::bytes. Calls may come from any thread. Whatever was
/// accepted completes without a further call.
///
/// A lost peer is Error(peer_lost), without its name, which the core adds. When a Wait throws, the
/// operation has let go of the caller's memory before that goes on.
class BlockKey {
 public:
  virtual ~BlockKey() = default;

  /// Returns when `source` may be reused.
  virtual void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  /// Returns when the bytes are there.
  virtual void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// Returns when the bytes of all pieces are there; their offsets count from the block's start.
  virtual void get_pieces(std::span<const GetPiece> pieces, Wait& wait) {
    for (const GetPiece& piece : pieces) get(piece.offset, piece.target.data(), piece.target.size(), wait);
  }
  /// The same, complete at the next flush only; until then the local bytes stay untouched.
  virtual void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  virtual void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// On a naturally aligned word of `width` 4 or 8 bytes; atomic with std::atomic_ref at the peer.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, std::size_t offset,
                               std::uint64_t value, std::uint64_t expected, Wait& wait) = 0;
  /// For the key of a signal pad's block: adds one and rings, after all that this rank has put to
  /// the same peer.
  virtual void signal(const CounterAddress& place, Wait& wait) = 0;
  /// Puts, then signals; `pad` is the key of the same peer's pad block, of the same transport.
  virtual void put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                               BlockKey& pad, const CounterAddress& place, Wait& wait) = 0;
  /// Returns when all earlier operations of this Context on the same peer have taken effect there.
  /// Whether it returns or throws, nothing uses the caller's memory any more.
  virtual void flush(Wait& wait) = 0;
  /// Carries on what has arrived, without waiting: called by who waits for a signal and has nothing
  /// better to do.
  virtual void poll() {}
  /// Who polled goes to sleep instead.
  virtual void stop_polling() {}
  /// What an application needs to use the transport's own library on this block.
  virtual RemoteKey packed() const = 0;
};

/// A peer's block, reached by one transport for as long as this object lives: by pointer or by key.
class Attachment {
 public:
  virtual ~Attachment() = default;
  /// The block's first byte in our address space; null where only a key reaches.
  virtual std::byte* pointer() const = 0;
  /// Null where a pointer reaches. Lives as long as the Attachment.
  virtual BlockKey* key() { return nullptr; }
  /// Usable bytes of the block, as the transport found them, not as the peer says.
  virtual std::size_t bytes() const = 0;
};

/// A peer as a transport needs to know it.
struct PeerInfo {
  int rank = 0;
  Process process;
  std::string host_id;  ///< Equal ids are a hint that memory can be shared.
  /// Where this rank's own memory is, from which the peer's is to be used: the host, or one GPU.
  Device used_from = {};
};

/// One way to reach a peer's block. How to add one: docs/transports.md.
///
/// Each block is exported at most once, and attached at most once a peer and a device of one's own
/// (PeerInfo::used_from), by one group at a time.
/// Calls come from any thread, one at a time a group, never while a kernel of ours waits.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string_view name() const = 0;
  /// Whether attachments are keys rather than pointers. Signals for GPU memory then arrive in a pad
  /// of their own, in host memory.
  virtual bool by_key() const { return false; }
  virtual Offer<Export> export_block(const std::shared_ptr<Block>& block) = 0;
  /// `handle` came from outside: decode it with care. Ends within `timeout`.
  virtual Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block,
                                   std::string_view handle, std::chrono::milliseconds timeout) = 0;
  /// That process is lost: what it has not answered yet is waited for no longer. Before finish.
  virtual void on_peer_lost(const Process& peer) noexcept { static_cast<void>(peer); }
  /// The Context ends: what was accepted gets at most `timeout` to complete. What comes in is still
  /// carried out: peers, too, wait for what they have sent. Once, before stop.
  virtual void drain(std::chrono::milliseconds timeout) noexcept { static_cast<void>(timeout); }
  /// Threads end, and nothing that comes in is carried out any more. Memory is unmapped after that.
  /// Once.
  virtual void shutdown() noexcept {}
};

}  // namespace symmem
