// SPDX-License-Identifier: Apache-2.0
/// Streams: puts, gets, signals and barriers of GPU memory, enqueued in a CUDA stream.
///
/// Use them to order communication after and before the kernels of a stream without blocking the
/// host; symmem/device.cuh has the calls for kernels. Needs no header of CUDA.
///
///   const auto on = memory->on(stream);  // `stream` is a cudaStream_t
///   on.put_with_signal(peer, /*offset=*/0, std::span(values, count), /*channel=*/0);
///   on.wait_signal(peer, /*channel=*/0);
///   consume<<<1, 256, 0, stream>>>(memory->device_view());  // sees what `peer` has put
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

/// A non-owning CUDA stream. Converts from cudaStream_t and CUstream, not from an integer, a null
/// literal or another pointer. cudaStreamPerThread names the per-thread default stream.
class Stream {
 public:
  /// A null `stream` is the legacy default stream.
  Stream(CUstream_st* stream) noexcept : stream_(stream) {}
  Stream(int) = delete;             ///< A device ordinal, a bool or 0 is not a stream.
  Stream(std::nullptr_t) = delete;  ///< Write legacy_default().

  static Stream legacy_default() noexcept { return {static_cast<CUstream_st*>(nullptr)}; }

  CUstream_st* get() const noexcept { return stream_; }

 private:
  CUstream_st* stream_;
};

/// The operations of a SymmetricMemory on GPU memory, ordered in one stream; SymmetricMemory::on
/// returns it. Keeps the memory alive. Offsets and sizes are bytes.
///
/// Each call checks its arguments, enqueues and returns. It blocks the host only while CUDA's
/// launch queue is full (about a thousand launches). Calls may be captured into a graph, and the
/// graph replayed any number of times: kernels keep all counters. A timeout starts when the stream
/// reaches the operation. A copy reads its source at that time, at each replay.
///
/// At most one barrier on a channel and one wait on a (channel, source) may be in flight, counted
/// over all streams. A wait that ends without its signal (timeout, peer lost) marks the memory as
/// failed: see symmem/device.cuh. Synchronise the streams before close().
///
/// Errors of every call: those of SymmetricMemory; invalid_argument for a stream of another device;
/// unsupported for a peer without a pointer, except as the source of wait_signal.
class StreamOperations {
 public:
  /// Copies `source` into `peer`'s buffer. `source` is GPU memory or host memory that CUDA knows
  /// (pinned). Other host memory works, but CUDA may block the call.
  void put(int peer, std::size_t offset, std::span<const std::byte> source) const;
  /// Copies out of `peer`'s buffer.
  void get(int peer, std::size_t offset, std::span<std::byte> target) const;
  /// Adds one to the signal count (channel, this rank) at `peer`, ordered after all earlier work of
  /// the stream.
  void put_signal(int peer, int channel) const;
  /// Blocks the stream until a signal of `peer` has arrived, then consumes it.
  void wait_signal(int peer, int channel, Timeout timeout = {}) const;
  /// put, then put_signal: the bytes are visible after the wait for the signal.
  void put_with_signal(int peer, std::size_t offset, std::span<const std::byte> source,
                       int channel) const;
  /// Collective. Blocks the stream until all ranks have reached the barrier, each in a stream, in a
  /// kernel or on the host.
  void barrier(int channel = 0, Timeout timeout = {}) const;

  /// The same for elements of T. `offset` is in bytes.
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
