// SPDX-License-Identifier: Apache-2.0
/// Symmetric memory: one buffer on every rank of a group, accessible from every other rank.
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

/// A transport that was not used for a peer, and the reason.
struct RefusedTransport {
  std::string transport;
  std::string reason;
};

/// The transport that connects a pair of ranks. Both ranks use the same transport.
struct Route {
  std::string transport;  ///< "self" for this rank.
  std::vector<RefusedTransport> refused;
};

/// Key to a peer's buffer for an application that calls UCX directly (ucp_ep_rkey_unpack).
struct RemoteKey {
  std::string key;            ///< The packed remote key.
  std::string worker;         ///< Address of the peer's UCX worker, for creating an endpoint.
  std::uint64_t address = 0;  ///< Address of the buffer in the peer's process.
};

/// A peer's buffer: mapped here (pointer peer) or accessed by a remote key (key peer). Never both.
struct Peer {
  std::span<std::byte> mapped;  ///< For loads and stores; data() is null for a key peer.
  std::optional<RemoteKey> key;

  /// Returns `mapped` as elements of T.
  template <typename T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(mapped.data()), mapped.size() / sizeof(T)};
  }
};

/// PutPiece, GetPiece: one piece of a list put or get, at byte `offset` in the peer's buffer.
struct PutPiece {
  std::size_t offset = 0;
  std::span<const std::byte> source;
};
struct GetPiece {
  std::size_t offset = 0;
  std::span<std::byte> target;
};

/// Shape of a strided copy: `count` pieces of `bytes` bytes. Strides are in bytes.
struct Strided {
  std::size_t bytes = 0;
  std::size_t count = 0;
  std::size_t local_stride = 0;
  std::size_t peer_stride = 0;
};

/// Access to the buffers of all ranks of a group; Context::rendezvous returns this object. Offsets
/// and sizes are in bytes; offset 0 is the start of a buffer. Any thread may call, but not during
/// close() or end_group().
///
/// Errors of every call: invalid_argument for a rank, channel, offset or length out of range;
/// peer_lost if the peer has left or is lost; finished after close and after the end of the group
/// or Context; timeout (no signal is consumed). Every wait has a deadline (SYMMEM_TIMEOUT, 30 s).
///
/// Order: all puts and atomics from this rank to a peer take effect before a later signal or
/// barrier from this rank arrives there. No other operations are ordered; flush() waits for all of
/// them. For pointer peers put, get and atomics wait for no other rank (on GPU memory they wait for
/// the GPU); for key peers they may wait for the network.
///
/// GPU memory: calls run on internal streams, which are not ordered with the program's streams.
/// Before a put, synchronise the stream that wrote the source, or use on(stream).
class SYMMEM_API SymmetricMemory : public std::enable_shared_from_this<SymmetricMemory> {
 public:
  ~SymmetricMemory();
  SymmetricMemory(const SymmetricMemory&) = delete;
  SymmetricMemory& operator=(const SymmetricMemory&) = delete;

  int rank() const;
  int world_size() const;
  const std::string& group_name() const;
  Device device() const;
  std::size_t buffer_size() const;      ///< Bytes allocated; equal on all ranks.
  std::size_t signal_pad_size() const;  ///< Bytes; docs/wire.md defines the layout.
  int channels() const;

  /// Returns how this process accesses `rank`'s buffer. Local. Pointers are valid until close().
  Peer peer(int rank) const;
  const Route& route(int rank) const;
  /// Returns a description of all routes, with the reason for each transport that was not used.
  std::string explain() const;
  /// GPU memory only: returns the argument for kernels (symmem/device.cuh), valid until close().
  DeviceView device_view() const;
  /// GPU memory only: returns an interface for operations in a CUDA stream (symmem/cuda.hpp).
  StreamOperations on(Stream stream);

  /// Copies `source` into `peer`'s buffer. Returns when `source` may be reused. The ranges must not
  /// overlap. Local spans are in host memory or in memory of the buffer's GPU.
  void put(int peer, std::size_t offset, std::span<const std::byte> source);
  /// Copies from `peer`'s buffer. Returns when `target` contains the bytes.
  void get(int peer, std::size_t offset, std::span<std::byte> target);
  /// List forms: check all pieces before copying the first piece.
  void put(int peer, std::span<const PutPiece> pieces);
  void get(int peer, std::span<const GetPiece> pieces);
  /// Strided forms: the local span begins at the first piece and contains all pieces.
  void put_strided(int peer, std::size_t offset, std::span<const std::byte> source,
                   const Strided& shape);
  void get_strided(int peer, std::size_t offset, std::span<std::byte> target, const Strided& shape);
  /// Non-blocking forms. Do not change `source` or read `target` before the next flush of the peer
  /// returns or throws: a later signal is ordered after the put but does not release `source`. For
  /// key peers a call waits while 8 MiB of puts or 4 MiB of gets are in flight.
  void put_nbi(int peer, std::size_t offset, std::span<const std::byte> source);
  void get_nbi(int peer, std::size_t offset, std::span<std::byte> target);
  /// Performs put and put_signal, for a key peer in one message. Returns when `source` is reusable.
  void put_with_signal(int peer, std::size_t offset, std::span<const std::byte> source, int channel,
                       Timeout timeout = {});

  /// The same operations on elements of T: `memory->put(peer, 0, std::span(values))`.
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

  /// Atomic operations on a naturally aligned word of `peer`'s buffer. Each returns the old value.
  /// They are sequentially consistent, and atomic with respect to each other, to std::atomic_ref on
  /// the peer and to system-scope atomics in kernels.
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

  /// Waits until all earlier operations of this rank on `peer`, or on all peers, have taken effect.
  /// Releases all spans of put_nbi and get_nbi, whether it returns or throws. Throws Error(refused)
  /// if the peer has closed the memory.
  void flush(int peer, Timeout timeout = {});
  void flush(Timeout timeout = {});

  /// Adds one to the counter (channel, this rank) in `peer`'s signal pad. Does not wait for the
  /// receiver: signals are counted, so none is lost.
  void put_signal(int peer, int channel, Timeout timeout = {});
  /// Waits for a signal from `peer` on `channel` and consumes it. Throws Error(invalid_argument) if
  /// another thread waits on the same (channel, peer).
  void wait_signal(int peer, int channel, Timeout timeout = {});
  /// Waits until all ranks have called barrier on `channel`. Collective. Does not consume signals.
  /// After a timeout or a lost peer, barriers on that channel throw Error(finished).
  void barrier(int channel = 0, Timeout timeout = {});

  /// Flushes and detaches. Collective. Afterwards no rank accesses this memory through symmem, and
  /// pointers to peers' buffers are invalid. If close throws, this rank has detached, but its
  /// memory is not reused until the Context ends. Do not call close during a stream capture.
  void close(Timeout timeout = {});

  class [[gnu::visibility("hidden")]] Impl;  ///< Internal.

 private:
  explicit SymmetricMemory(std::unique_ptr<Impl> impl);
  template <AtomicWord T>
  T atomic(AtomicOp op, int peer, std::size_t offset, T value, T expected = {});

  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
