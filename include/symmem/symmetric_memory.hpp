// SPDX-License-Identifier: Apache-2.0
/// Symmetric memory: one buffer on every rank of a group, each reachable from every other rank.
///
///   symmem::Context context;                              // joins the job (collective)
///   auto buffer = context.allocate<double>(1024);         // local
///   auto memory = context.rendezvous(buffer);             // collective
///   memory->put_with_signal(peer, /*offset=*/0, std::span(values), /*channel=*/0);
///   memory->wait_signal(peer, /*channel=*/0);             // the peer's values are in `buffer`
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/device.hpp"
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

class Stream;            // symmem/cuda.hpp
class StreamOperations;  // symmem/cuda.hpp
struct DeviceView;       // symmem/device_view.hpp

/// Why a better transport was not used for a peer.
struct RefusedTransport {
  std::string transport;
  std::string reason;
};

/// The transport of a pair of ranks. Both ends use the same one.
struct Route {
  std::string transport;  ///< "self" for the own rank.
  std::vector<RefusedTransport> refused;
};

/// A peer's buffer, for an application that uses UCX itself (ucp_ep_rkey_unpack).
struct RemoteKey {
  std::string key;            ///< The packed remote key.
  std::string worker;         ///< The address of the peer's worker, for an endpoint of one's own.
  std::uint64_t address = 0;  ///< The buffer's first byte in the peer's address space.
};

/// A peer's buffer: mapped into this process, or reached by a remote key. Never both.
struct Peer {
  std::span<std::byte> mapped;  ///< To load and store; its data() is null if there is a key.
  std::optional<RemoteKey> key;

  /// `mapped` as elements of T.
  template <typename T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(mapped.data()), mapped.size() / sizeof(T)};
  }
};

/// One piece of a list put or get, at `offset` bytes in the peer's buffer.
struct PutPiece {
  std::size_t offset = 0;
  std::span<const std::byte> source;
};
struct GetPiece {
  std::size_t offset = 0;
  std::span<std::byte> target;
};

/// `count` pieces of `bytes` bytes; consecutive pieces begin a stride, in bytes, apart.
struct Strided {
  std::size_t bytes = 0;
  std::size_t count = 0;
  std::size_t local_stride = 0;
  std::size_t peer_stride = 0;
};

/// The buffers of a group's ranks, after Context::rendezvous. Offsets and sizes are bytes, counted
/// from the buffer's start. Calls may come from any thread, but none beside close() or end_group.
///
/// Errors of every call: invalid_argument for a rank, channel, offset or length out of range;
/// peer_lost once the peer is known to be gone; finished after close and after the end of the group
/// or Context; timeout, which consumes nothing. Every wait has a deadline (SYMMEM_TIMEOUT, 30 s).
///
/// Order: all puts and atomics of this rank on a peer take effect there before a later signal or
/// barrier of this rank arrives. Nothing else orders two operations; flush() waits for them. For
/// pointer peers put, get and atomics wait for nobody (GPU memory: for the GPU); for key peers they
/// may wait for the network.
///
/// GPU memory: calls run on streams of symmem's own, ordered after nothing of the program's: before
/// a put, synchronise the stream that wrote the source, or use on(stream).
class SYMMEM_API SymmetricMemory : public std::enable_shared_from_this<SymmetricMemory> {
 public:
  ~SymmetricMemory();
  SymmetricMemory(const SymmetricMemory&) = delete;
  SymmetricMemory& operator=(const SymmetricMemory&) = delete;

  int rank() const;
  int world_size() const;
  const std::string& group_name() const;
  Device device() const;
  std::size_t buffer_size() const;      ///< Bytes as allocated, equal on all ranks.
  std::size_t signal_pad_size() const;  ///< Bytes; layout: docs/wire.md.
  int channels() const;

  /// How `rank`'s buffer is reached. Local. Pointers are valid until close().
  Peer peer(int rank) const;
  const Route& route(int rank) const;
  /// Describes all routes, with the reason for each transport that was not used.
  std::string explain() const;
  /// GPU memory only: what kernels take (symmem/device.cuh), valid until close(); and the
  /// operations ordered in a CUDA stream.
  DeviceView device_view() const;
  StreamOperations on(Stream stream);

  /// Copies `source` into `peer`'s buffer. Returns when `source` may be reused. They must not
  /// overlap. Local spans are host memory or memory of the buffer's GPU.
  void put(int peer, std::size_t offset, std::span<const std::byte> source);
  /// Copies out of `peer`'s buffer. Returns when `target` holds the bytes.
  void get(int peer, std::size_t offset, std::span<std::byte> target);
  /// List forms: all pieces are checked before the first is copied.
  void put(int peer, std::span<const PutPiece> pieces);
  void get(int peer, std::span<const GetPiece> pieces);
  /// Strided forms: the local span begins at the first piece and holds the last.
  void put_strided(int peer, std::size_t offset, std::span<const std::byte> source,
                   const Strided& shape);
  void get_strided(int peer, std::size_t offset, std::span<std::byte> target, const Strided& shape);
  /// Non-blocking forms. `source` is reusable, and `target` complete, only when the next flush of
  /// the peer returns or throws: a later signal is ordered after the put but does not release
  /// `source`. For key peers they wait while 8 MiB of puts or 4 MiB of gets are in flight.
  void put_nbi(int peer, std::size_t offset, std::span<const std::byte> source);
  void get_nbi(int peer, std::size_t offset, std::span<std::byte> target);
  /// put, then put_signal, in one message for a key peer. Returns when `source` may be reused.
  void put_with_signal(int peer, std::size_t offset, std::span<const std::byte> source, int channel,
                       Timeout timeout = {});

  /// The same for elements of T: `memory->put(peer, 0, std::span(values))`. `offset` in bytes.
  template <Element T, std::size_t N>
  void put(int peer, std::size_t offset, std::span<T, N> source) {
    put(peer, offset, std::span<const std::byte>(std::as_bytes(source)));
  }
  template <Element T, std::size_t N>
  void get(int peer, std::size_t offset, std::span<T, N> target) {
    get(peer, offset, std::span<std::byte>(std::as_writable_bytes(target)));
  }
  template <Element T, std::size_t N>
  void put_with_signal(int peer, std::size_t offset, std::span<T, N> source, int channel,
                       Timeout timeout = {}) {
    put_with_signal(peer, offset, std::span<const std::byte>(std::as_bytes(source)), channel,
                    timeout);
  }

  /// Atomic operations on a naturally aligned word of `peer`'s buffer; each returns the value
  /// before. Sequentially consistent; atomic with each other, with std::atomic_ref at the peer and
  /// with system-scope atomics of kernels.
  auto fetch_add(int peer, std::size_t offset, AtomicWord auto value) {
    return atomic(AtomicOp::add, peer, offset, value);
  }
  auto fetch_and(int peer, std::size_t offset, AtomicWord auto value) {
    return atomic(AtomicOp::bit_and, peer, offset, value);
  }
  auto fetch_or(int peer, std::size_t offset, AtomicWord auto value) {
    return atomic(AtomicOp::bit_or, peer, offset, value);
  }
  auto fetch_xor(int peer, std::size_t offset, AtomicWord auto value) {
    return atomic(AtomicOp::bit_xor, peer, offset, value);
  }
  auto swap(int peer, std::size_t offset, AtomicWord auto value) {
    return atomic(AtomicOp::swap, peer, offset, value);
  }
  /// Writes `desired` if the word equals `expected`.
  template <AtomicWord T>
  T compare_swap(int peer, std::size_t offset, T expected, T desired) {
    return atomic(AtomicOp::compare_swap, peer, offset, desired, expected);
  }

  /// Waits until all earlier operations of this rank on `peer` (on every peer) have taken effect.
  /// Whether it returns or throws, it has released all spans of put_nbi and get_nbi. Throws
  /// Error(refused) if the peer closed the memory.
  void flush(int peer, Timeout timeout = {});
  void flush(Timeout timeout = {});

  /// Adds one to the counter (channel, this rank) at `peer`. Does not wait for the receiver:
  /// signals are counted, none is lost.
  void put_signal(int peer, int channel, Timeout timeout = {});
  /// Waits for a signal of `peer` on `channel` and consumes one. One thread at a time on a
  /// (channel, peer), else Error(invalid_argument).
  void wait_signal(int peer, int channel, Timeout timeout = {});
  /// Collective: returns when all ranks have called it on `channel`. Leaves the channel's signals
  /// alone. After a timeout or a lost peer, barriers on that channel are Error(finished).
  void barrier(int channel = 0, Timeout timeout = {});

  /// Collective: flushes and detaches. Afterwards no rank accesses this memory through symmem, and
  /// pointers to peers' buffers are invalid. If it throws, this rank has detached all the same and
  /// its own memory is not reused until the Context ends. Not during a stream capture on its GPU.
  void close(Timeout timeout = {});

  class [[gnu::visibility("hidden")]] Impl;  ///< The library's own.

 private:
  explicit SymmetricMemory(std::unique_ptr<Impl> impl);
  template <AtomicWord T>
  T atomic(AtomicOp op, int peer, std::size_t offset, T value, T expected = {});

  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
