// SPDX-License-Identifier: Apache-2.0
/// Transports: ways to reach a block of memory of another process, by pointer or by key.
///
/// Derive from Transport to reach memory in a way that symmem does not have. docs/transports.md has
/// a complete example.
///
///   class MyTransport : public symmem::Transport { ... };
///   symmem::Context context;
///   context.register_transport(symmem::DeviceType::host, std::make_shared<MyTransport>());
///   auto memory = context.rendezvous(buffer);  // tries MyTransport after the built-in ones
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "symmem/api.hpp"
#include "symmem/device.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

/// An Export or Attachment, or the reason why the transport cannot make one for this block. A
/// refusal is not an error: symmem tries the next transport, and explain() shows the reason. An
/// exception fails the rendezvous on all ranks.
template <typename T>
struct Offer {
  std::shared_ptr<T> value;  ///< Null if refused.
  std::string refusal;

  static Offer refuse(std::string why) { return {nullptr, std::move(why)}; }
};

/// A block that one transport has made reachable, until destruction.
class Export {
 public:
  virtual ~Export() = default;
  /// Returns the bytes with which the same transport attaches on another rank. At most 1 MiB.
  virtual std::string handle() const = 0;
};

/// The condition under which an operation may go on waiting. A transport calls check() about every
/// 50 ms while it waits.
class Wait {
 public:
  virtual ~Wait() = default;
  /// Throws once the deadline has passed or the peer is lost.
  virtual void check() = 0;
};

/// A counter of a signal pad. Both offsets are bytes from the start of the pad's block.
struct CounterAddress {
  std::size_t pad = 0;    ///< The pad; its first 8 bytes are its doorbell.
  std::size_t count = 0;  ///< The u64 counter.
};

/// A peer's block that no pointer reaches. Offsets are bytes from the block's start; the caller has
/// checked them against Attachment::bytes(). Calls may come from any thread.
///
/// Progress: accepted operations complete without a further call.
/// Order: a signal takes effect after all earlier puts of this rank to the same peer. Nothing else
/// orders two operations; flush() waits for them.
/// Errors: Error(peer_lost) without the peer's name, which the caller adds. When a Wait throws, the
/// operation releases the caller's memory before it passes the exception on.
class BlockKey {
 public:
  virtual ~BlockKey() = default;

  /// Copies `source` to the peer. Returns when `source` may be reused.
  virtual void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  /// Copies from the peer. Returns when the bytes are in `target`.
  virtual void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// Copies several pieces from the peer. Returns when the bytes of all have arrived.
  virtual void get_pieces(std::span<const GetPiece> pieces, Wait& wait) {
    for (const GetPiece& piece : pieces)
      get(piece.offset, piece.target.data(), piece.target.size(), wait);
  }
  /// Non-blocking forms: the next flush completes them, and releases the local memory.
  virtual void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  virtual void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// Executes `op` on a naturally aligned word of `width` 4 or 8 bytes and returns its old value.
  /// Atomic with std::atomic_ref at the peer.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, std::size_t offset,
                               std::uint64_t value, std::uint64_t expected, Wait& wait) = 0;
  /// Adds one to a counter and rings its pad's doorbell. Called on the key of a signal pad's block.
  virtual void signal(const CounterAddress& counter, Wait& wait) = 0;
  /// put(), then signal() on `pad`: the key of the same peer's pad block, of the same transport.
  virtual void put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                               BlockKey& pad, const CounterAddress& counter, Wait& wait) = 0;
  /// Returns when all earlier operations of this Context on the peer have taken effect there.
  /// Returning or throwing, it has released the memory of put_nbi and get_nbi.
  virtual void flush(Wait& wait) = 0;
  /// Progresses arrived messages, without waiting. Called in a loop by a thread that waits for a
  /// signal.
  virtual void poll() {}
  /// Called when a thread that polled goes to sleep.
  virtual void stop_polling() {}
  /// Returns the key for an application's own use of the transport's library.
  virtual RemoteKey packed() const = 0;
};

/// A peer's block that one transport has made accessible here, by pointer or by key, until
/// destruction. It may be destroyed after its Transport.
class Attachment {
 public:
  virtual ~Attachment() = default;
  /// Returns the block's first byte in this address space; null if only a key reaches it.
  virtual std::byte* pointer() const = 0;
  /// Returns the key, which lives as long as the Attachment; null if a pointer reaches the block.
  virtual BlockKey* key() { return nullptr; }
  /// Returns the usable bytes of the block. Ranges are checked against it, so measure it where the
  /// system can, and do not trust the handle.
  virtual std::size_t bytes() const = 0;
};

/// A peer, as a transport needs to know it.
struct PeerInfo {
  int rank = 0;
  Process process;
  std::string host_id;    ///< Equal ids are a hint that memory can be shared, not a proof.
  Device used_from = {};  ///< The device from which this rank uses the peer's memory.
};

/// One way to reach a peer's block.
///
/// symmem exports a block at most once for each transport, and attaches it at most once for each
/// peer and device (PeerInfo::used_from), in one group at a time. Calls come from any thread, one
/// at a time for each group, and never while a kernel of symmem waits on a GPU.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Returns the name by which SYMMEM_TRANSPORTS selects the transport and explain() shows it.
  virtual std::string_view name() const = 0;
  /// Returns whether attachments have a key instead of a pointer. Signals for GPU memory then
  /// arrive in a pad of their own in host memory.
  virtual bool by_key() const { return false; }
  /// Makes a block reachable for peers.
  virtual Offer<Export> export_block(const std::shared_ptr<Block>& block) = 0;
  /// Makes a peer's block accessible here. Returns or throws within `timeout`. `handle` is from
  /// outside the process: check it before it sizes or indexes anything.
  virtual Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block,
                                   std::string_view handle, std::chrono::milliseconds timeout) = 0;
  /// Abandons operations that wait for the lost process `peer`. Called before drain().
  virtual void on_peer_lost(const Process& peer) noexcept { static_cast<void>(peer); }
  /// Shutdown phase 1 (once, before shutdown()): drains local operations for up to `timeout`. Keeps
  /// serving peers, which are draining too.
  virtual void drain(std::chrono::milliseconds timeout) noexcept { static_cast<void>(timeout); }
  /// Shutdown phase 2 (once): stops all threads; later requests of peers have no effect. Memory is
  /// unmapped afterwards.
  virtual void shutdown() noexcept {}
};

}  // namespace symmem
