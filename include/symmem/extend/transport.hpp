// SPDX-License-Identifier: Apache-2.0
/// Transports: methods of accessing another process's block of memory, by pointer or by key.
///
/// Derive from Transport to add a method that symmem does not implement. docs/transports.md
/// contains a complete example.
///
///   class MyTransport : public symmem::Transport { ... };
///   symmem::Context context;
///   context.register_transport(symmem::DeviceType::host, std::make_shared<MyTransport>());
///   auto memory = context.rendezvous(buffer);  // Tries MyTransport last.
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

/// An Export or Attachment, or the reason why the transport refused the block. A refusal is not an
/// error: symmem tries the next transport, and explain() shows the reason. An exception from the
/// transport fails the rendezvous on all ranks.
template <typename T>
struct Offer {
  std::shared_ptr<T> value;  ///< Null if refused.
  std::string refusal;

  static Offer refuse(std::string why) { return {nullptr, std::move(why)}; }
};

/// A block that one transport has exported. The destructor ends the export.
class Export {
 public:
  virtual ~Export() = default;
  /// Returns the handle, at most 1 MiB, from which the same transport attaches the block on another
  /// rank.
  virtual std::string handle() const = 0;
};

/// The deadline and cancellation of an operation that waits. A transport calls check() about every
/// 50 ms while it waits.
class Wait {
 public:
  virtual ~Wait() = default;
  /// Throws if the deadline has passed or the peer is lost.
  virtual void check() = 0;
};

/// Address of a counter in a signal pad. Both offsets are in bytes from the start of the block that
/// contains the pad.
struct CounterAddress {
  std::size_t pad = 0;    ///< Start of the pad; its first 8 bytes are the doorbell.
  std::size_t count = 0;  ///< The 64-bit counter.
};

/// Access to a peer's block that is not mapped into this process. Offsets are in bytes from the
/// start of the block; the caller has checked them against Attachment::bytes(). Any thread may call
/// any function.
///
/// Progress: a posted operation completes without a further call. Order: a signal takes effect
/// after all earlier puts from this rank to the same peer. No other operations are ordered; flush()
/// waits for all of them. Errors: Error(peer_lost); the caller adds the peer's name. If a Wait
/// throws, the operation releases the caller's memory before it propagates the exception.
class BlockKey {
 public:
  virtual ~BlockKey() = default;

  /// Copies `source` to the peer. Returns when `source` may be reused.
  virtual void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  /// Copies from the peer. Returns when the bytes are in `target`.
  virtual void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// Copies several pieces from the peer. Returns when all bytes have arrived.
  virtual void get_pieces(std::span<const GetPiece> pieces, Wait& wait) {
    for (const GetPiece& piece : pieces)
      get(piece.offset, piece.target.data(), piece.target.size(), wait);
  }
  /// put_nbi, get_nbi: non-blocking forms. The next flush completes them and releases the local
  /// memory.
  virtual void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) = 0;
  virtual void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) = 0;
  /// Executes `op` on a naturally aligned word of `width` (4 or 8) bytes and returns the old value.
  /// The operation is atomic with respect to std::atomic_ref on the peer.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, std::size_t offset,
                               std::uint64_t value, std::uint64_t expected, Wait& wait) = 0;
  /// Adds one to a counter and rings the doorbell of its pad. Called on the BlockKey of the block
  /// that contains the signal pad.
  virtual void signal(const CounterAddress& counter, Wait& wait) = 0;
  /// Performs put(), then signal() on `pad`: the key with which the same transport accesses the
  /// pad's block on the same peer.
  virtual void put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                               BlockKey& pad, const CounterAddress& counter, Wait& wait) = 0;
  /// Returns when all earlier operations of this Context on the peer have taken effect. Releases
  /// the local memory of put_nbi and get_nbi, whether it returns or throws.
  virtual void flush(Wait& wait) = 0;
  /// Processes arrived messages without waiting. A thread that waits for a signal calls poll() in a
  /// loop.
  virtual void poll() {}
  /// Reports that a thread that called poll() is about to sleep.
  virtual void stop_polling() {}
  /// Returns the key in the form that an application passes to the transport's library.
  virtual RemoteKey packed() const = 0;
};

/// A peer's block that one transport has attached in this process, by pointer or by key. The
/// destructor detaches the block; it may run after the destructor of the Transport.
class Attachment {
 public:
  virtual ~Attachment() = default;
  /// Returns the address of the block in this process; null if the block is accessed by key.
  virtual std::byte* pointer() const = 0;
  /// Returns the key, valid as long as the Attachment; null if the block is accessed by pointer.
  virtual BlockKey* key() { return nullptr; }
  /// Returns the number of usable bytes in the block. symmem checks ranges against this number, so
  /// obtain it from the operating system where possible; do not trust the handle.
  virtual std::size_t bytes() const = 0;
};

/// Description of a peer for Transport::attach.
struct PeerInfo {
  int rank = 0;
  Process process;
  std::string host_id;    ///< Equal ids suggest, but do not prove, shared memory.
  Device used_from = {};  ///< The device from which this rank accesses the peer.
};

/// A method of accessing peers' blocks.
///
/// Within a group, symmem exports a block at most once per transport and attaches it at most once
/// per peer and device (PeerInfo::used_from). Any thread may call these functions, but only one
/// thread at a time per group, and never while a kernel of symmem waits on a GPU.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Returns the name that SYMMEM_TRANSPORTS and explain() use for the transport.
  virtual std::string_view name() const = 0;
  /// Returns whether attachments provide a key instead of a pointer. If so, signals for GPU memory
  /// arrive in a separate pad in host memory.
  virtual bool by_key() const { return false; }
  /// Exports a block, so that peers can attach it.
  virtual Offer<Export> export_block(const std::shared_ptr<Block>& block) = 0;
  /// Attaches a peer's block in this process. Returns or throws within `timeout`. `handle` comes
  /// from another process: validate it before using it as a size or an index.
  virtual Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block,
                                   std::string_view handle, std::chrono::milliseconds timeout) = 0;
  /// Abandons operations that wait for the lost process `peer`. Called when the Context ends,
  /// before drain().
  virtual void on_peer_lost(const Process& peer) noexcept { static_cast<void>(peer); }
  /// Shutdown phase 1, called once before shutdown(): waits up to `timeout` until local operations
  /// are complete. Continues to serve peers, which drain at the same time.
  virtual void drain(std::chrono::milliseconds timeout) noexcept { static_cast<void>(timeout); }
  /// Shutdown phase 2, called once: stops all threads. Later requests from peers have no effect.
  /// symmem unmaps memory afterwards.
  virtual void shutdown() noexcept {}
};

}  // namespace symmem
