// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/atomic.hpp"
#include "symmem/device_view.hpp"
#include "symmem/cuda.hpp"
#include "symmem/tensor.hpp"
#include "symmem/timeout.hpp"
#include "symmem/extend/transport.hpp"

namespace SYMMEM_API symmem {

/// Why a better transport was not taken for a peer.
struct RefusedTransport {
  std::string transport;
  std::string reason;
};

/// The transport chosen for (allocation, peer): both ends agree on it.
struct Route {
  std::string transport;  ///< "self" for the own rank.
  std::vector<RefusedTransport> refused;
};

class SymmetricMemory;

/// A peer's buffer where no pointer reaches: put, get and flush of SymmetricMemory on that one
/// peer. Keeps the memory. From SymmetricMemory::peer.
class RemoteKey {
 public:
  int rank() const { return rank_; }
  void put(std::size_t offset, const void* source, std::size_t bytes) const;
  void get(std::size_t offset, void* target, std::size_t bytes) const;
  void put_nbi(std::size_t offset, const void* source, std::size_t bytes) const;
  void get_nbi(std::size_t offset, void* target, std::size_t bytes) const;
  void flush(Timeout timeout = {}) const;
  /// The key as bytes, for an application that uses the transport's library itself; `address` is
  /// that of the buffer's first byte.
  PackedKey packed() const;

 private:
  friend class SymmetricMemory;
  RemoteKey(std::shared_ptr<SymmetricMemory> memory, int rank)
      : memory_(std::move(memory)), rank_(rank) {}

  std::shared_ptr<SymmetricMemory> memory_;
  int rank_;
};

/// How a peer's buffer is reached: by pointer or by key, never both.
struct Peer {
  /// First byte of its buffer, as loads and stores of this process see it; else null.
  void* pointer = nullptr;
  std::optional<RemoteKey> key;
  std::string transport;
};

/// `count` pieces of `bytes` each; their first bytes are a stride apart on either side.
struct Strided {
  std::size_t bytes = 0;
  std::size_t count = 0;
  std::size_t local_stride = 0;
  std::size_t peer_stride = 0;
};

/// One allocation on every rank of a group, each reachable from every other rank; what rendezvous
/// returns. Offsets and sizes are bytes, counted from the allocation's start.
///
/// Calls may come from any thread, except that none may run beside close or end_group. Each checks
/// its arguments first: Error(invalid_argument) for a rank, channel, offset or length out of range.
/// Calls that reach a peer throw Error(peer_lost) once that peer is known to be gone,
/// Error(finished) after close, after the end of the group or Context, and in a forked child. Only
/// barrier and close are collective.
///
/// By pointer put, get and atomics do not wait, but for the GPU where the memory is on one: a
/// minute at most for copies and half a one for atomics, then Error(timeout). By key they wait for
/// the peer, SYMMEM_TIMEOUT at most; then Error(timeout), and whatever was lent of the caller's
/// memory has been taken back. UCX gives that of a put back only by the end of the connection: the
/// peer is then Error(peer_lost) for as long as this Context lives.
///
/// Order: what a rank put to a peer before put_signal or barrier is there when the peer's
/// wait_signal or barrier returns. Nothing else orders puts. Calls on GPU memory are made on
/// streams of symmem's own, which wait for no other: what a kernel or copy of the caller's writes
/// for a put is there only after its stream was waited for. on(stream) has calls in a stream's
/// order.
class SymmetricMemory : public std::enable_shared_from_this<SymmetricMemory> {
 public:
  class [[gnu::visibility("hidden")]] Impl;
  explicit SymmetricMemory(std::unique_ptr<Impl> impl);  ///< For rendezvous.
  ~SymmetricMemory();
  SymmetricMemory(const SymmetricMemory&) = delete;
  SymmetricMemory& operator=(const SymmetricMemory&) = delete;

  int rank() const;
  int world_size() const;
  const std::string& group_name() const;
  Device device() const;
  std::size_t buffer_size() const;  ///< Bytes asked for at allocation, equal on all ranks.
  std::size_t signal_pad_size() const;
  int channels() const;

  /// Every rank's buffer and signal pad as this process may load and store them, by rank; null
  /// where no pointer reaches. Valid until close. The pads' layout: docs/wire.md.
  const std::vector<void*>& buffer_ptrs() const;
  const std::vector<void*>& signal_pad_ptrs() const;
  /// The same tables in GPU memory, for kernels. Error(unsupported) for host memory, here and in
  /// the two below.
  void* const* buffer_ptrs_dev() const;
  void* const* signal_pad_ptrs_dev() const;
  /// What kernels take: symmem/device.cuh. Valid until close.
  DeviceView device_view() const;
  /// The operations in the order of a CUDA stream.
  StreamOperations on(Stream stream);
  Peer peer(int rank);
  /// A contiguous tensor on `rank`'s buffer, `storage_offset` in elements from its start. It keeps
  /// the mapping alive, not the allocation. Error(unsupported) where no pointer reaches.
  Tensor get_buffer(int rank, const std::vector<std::int64_t>& sizes, DataType dtype,
                    std::int64_t storage_offset = 0) const;
  const Route& route(int rank) const;
  /// The routes as text: in groups of up to 32 ranks who reaches whom how, then from this rank to
  /// each other one, with the reason for each transport that was not taken.
  std::string explain() const;

  /// Copies into `dst`'s buffer. Returns when `source` may be reused. Source and target must not
  /// overlap. Plain put and get do not look at the local pointer; the other forms refuse null.
  void put(int dst, std::size_t offset, const void* source, std::size_t bytes);
  /// Copies out of `src`'s buffer. Returns when the bytes are in `target`.
  void get(int src, std::size_t offset, void* target, std::size_t bytes);
  void put(int dst, std::span<const PutPiece> pieces);
  void get(int src, std::span<const GetPiece> pieces);
  void put_strided(int dst, std::size_t offset, const void* source, const Strided& shape);
  void get_strided(int src, std::size_t offset, void* target, const Strided& shape);
  /// Like put and get, but complete at the next flush only: the local bytes stay untouched until it
  /// returns or throws. By key they wait while much is under way: 4 MiB of gets, 8 MiB of puts.
  void put_nbi(int dst, std::size_t offset, const void* source, std::size_t bytes);
  void get_nbi(int src, std::size_t offset, void* target, std::size_t bytes);
  /// Puts, then signals: whoever waited for the signal sees the bytes.
  void put_with_signal(int dst, std::size_t offset, const void* source, std::size_t bytes,
                       int channel, Timeout timeout = {});

  /// Atomic operations on a naturally aligned word of `rank`'s buffer; return its value before.
  /// Atomic with the same operations of every rank and with std::atomic_ref there, of GPU memory
  /// with atomics of its kernels at system scope. Sequentially consistent.
  template <AtomicWord T>
  T fetch_add(int rank, std::size_t offset, T value) {
    return atomic(AtomicOp::add, rank, offset, value, T{});
  }
  template <AtomicWord T>
  T fetch_and(int rank, std::size_t offset, T value) {
    return atomic(AtomicOp::bit_and, rank, offset, value, T{});
  }
  template <AtomicWord T>
  T fetch_or(int rank, std::size_t offset, T value) {
    return atomic(AtomicOp::bit_or, rank, offset, value, T{});
  }
  template <AtomicWord T>
  T fetch_xor(int rank, std::size_t offset, T value) {
    return atomic(AtomicOp::bit_xor, rank, offset, value, T{});
  }
  template <AtomicWord T>
  T swap(int rank, std::size_t offset, T value) {
    return atomic(AtomicOp::swap, rank, offset, value, T{});
  }
  /// Writes `desired` if the word is `expected`.
  template <AtomicWord T>
  T compare_swap(int rank, std::size_t offset, T expected, T desired) {
    return atomic(AtomicOp::compare_swap, rank, offset, desired, expected);
  }

  /// Waits until all earlier puts, signals and atomics of this rank to `peer` (to all) have taken
  /// effect there, and all get_nbi are here. Error(refused) if the memory was closed there.
  void flush(int peer, Timeout timeout = {});
  void flush(Timeout timeout = {});

  /// Adds one to the count (channel, this rank) at `dst`. Never waits for the receiver: signals
  /// count, none is lost.
  void put_signal(int dst, int channel, Timeout timeout = {});
  /// Waits for a signal of `src` on `channel` and consumes one. After a timeout nothing is consumed
  /// and the call may be repeated. Two threads at once on one (channel, src) are an error.
  void wait_signal(int src, int channel, Timeout timeout = {});
  /// Collective: returns when all ranks have called it on `channel`. Does not touch the signals of
  /// that channel. After a timeout or a lost peer the channel's barrier is failed for good.
  void barrier(int channel = 0, Timeout timeout = {});

  /// Collective over the group: when it returns no rank uses this memory any more, and pointers and
  /// views of peers' buffers are void. If it fails this rank's attachments are released all the
  /// same, but the memory is not used again until the Context ends. Of GPU memory: a capture of a
  /// stream of that device is spoiled by it, as it is when the last tensor of a large allocation
  /// goes; do either before or after.
  void close(Timeout timeout = {});

  Impl& impl() const { return *impl_; }

 private:
  std::uint32_t atomic32(AtomicOp op, int rank, std::size_t offset, std::uint32_t value,
                         std::uint32_t expected);
  std::uint64_t atomic64(AtomicOp op, int rank, std::size_t offset, std::uint64_t value,
                         std::uint64_t expected);
  template <AtomicWord T>
  T atomic(AtomicOp op, int rank, std::size_t offset, T value, T expected) {
    if constexpr (sizeof(T) == 4)
      return static_cast<T>(atomic32(op, rank, offset, static_cast<std::uint32_t>(value),
                                     static_cast<std::uint32_t>(expected)));
    else
      return static_cast<T>(atomic64(op, rank, offset, static_cast<std::uint64_t>(value),
                                     static_cast<std::uint64_t>(expected)));
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
