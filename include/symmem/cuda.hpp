// SPDX-License-Identifier: Apache-2.0
/// Stream operations: put, get, signal and barrier on GPU memory, enqueued in a CUDA stream.
///
/// Stream operations order communication with the kernels of a stream without blocking the host.
/// symmem/device.cuh contains the calls for kernels. This header includes no CUDA header.
///
///   const auto on = memory->on(stream);  // `stream` is a cudaStream_t
///   on.put_with_signal(peer, /*offset=*/0, std::span(values, count), /*channel=*/0);
///   on.wait_signal(peer, /*channel=*/0);
///   consume<<<1, 256, 0, stream>>>(memory->device_view());  // Reads the data from `peer`.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "symmem/api.hpp"
#include "symmem/device_view.hpp"
#include "symmem/types.hpp"

struct CUstream_st;

namespace SYMMEM_API symmem {

class SymmetricMemory;

/// A non-owning reference to a CUDA stream. Converts from cudaStream_t and CUstream, but not from
/// an integer, a null literal or another pointer type. cudaStreamPerThread is the per-thread
/// default stream.
class Stream {
 public:
  /// A null `stream` is the legacy default stream.
  Stream(CUstream_st* stream) noexcept : stream_(stream) {}
  Stream(int) = delete;             ///< A device ordinal, a bool or 0 is not a stream.
  Stream(std::nullptr_t) = delete;  ///< Use legacy_default() instead.

  static Stream legacy_default() noexcept { return {static_cast<CUstream_st*>(nullptr)}; }

  CUstream_st* get() const noexcept { return stream_; }

 private:
  CUstream_st* stream_;
};

/// Interface for operations on one SymmetricMemory in GPU memory, ordered in one CUDA stream.
/// SymmetricMemory::on returns this object. The object keeps the SymmetricMemory alive. Offsets and
/// sizes are in bytes.
///
/// Each call checks its arguments, enqueues the operation and returns. A call blocks the host only
/// while CUDA's launch queue is full (about a thousand launches). Calls may be captured into a
/// graph, and the graph may be replayed any number of times, because the counters are in memory
/// that kernels update. A timeout starts when the stream reaches the operation. A copy reads its
/// source when the stream reaches the copy, in each replay of a graph.
///
/// At most one barrier per channel and one wait per (channel, source) pair may be in flight, over
/// all streams. A wait that fails (timeout, peer lost) marks the SymmetricMemory as failed: see
/// symmem/device.cuh. Synchronise the streams before close().
///
/// Errors of every call: the errors of SymmetricMemory; invalid_argument for a stream of another
/// device; unsupported for a peer whose buffer is not mapped into this process, except in
/// wait_signal.
class StreamOperations {
 public:
  /// Copies `source` into `peer`'s buffer. `source` should be GPU memory or pinned host memory;
  /// with pageable host memory CUDA may block the call.
  void put(int peer, std::size_t offset, std::span<const std::byte> source) const;
  /// Copies from `peer`'s buffer into `target`.
  void get(int peer, std::size_t offset, std::span<std::byte> target) const;
  /// Adds one to the signal count (channel, this rank) in `peer`'s signal pad, after all earlier
  /// work in the stream.
  void put_signal(int peer, int channel) const;
  /// Blocks the stream until a signal from `peer` has arrived, then consumes the signal.
  void wait_signal(int peer, int channel, Timeout timeout = {}) const;
  /// Performs put, then put_signal. After `peer` has waited for the signal, the bytes are visible
  /// to `peer`.
  void put_with_signal(int peer, std::size_t offset, std::span<const std::byte> source,
                       int channel) const;
  /// Blocks the stream until all ranks have entered the barrier, from a stream, a kernel or the
  /// host. Collective.
  void barrier(int channel = 0, Timeout timeout = {}) const;

  /// The same operations on elements of T. `offset` is in bytes.
  template <Element T, std::size_t N>
  void put(int peer, std::size_t offset, std::span<T, N> source) const {
    put(peer, offset, std::span<const std::byte>(std::as_bytes(source)));
  }
  template <Element T, std::size_t N>
  void get(int peer, std::size_t offset, std::span<T, N> target) const {
    get(peer, offset, std::span<std::byte>(std::as_writable_bytes(target)));
  }
  template <Element T, std::size_t N>
  void put_with_signal(int peer, std::size_t offset, std::span<T, N> source, int channel) const {
    put_with_signal(peer, offset, std::span<const std::byte>(std::as_bytes(source)), channel);
  }

 private:
  friend class SymmetricMemory;
  StreamOperations(std::shared_ptr<SymmetricMemory> memory, Stream stream)
      : memory_(std::move(memory)), stream_(stream) {}

  std::shared_ptr<SymmetricMemory> memory_;
  Stream stream_;
};

}  // namespace symmem
