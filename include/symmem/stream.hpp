// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "symmem/api.hpp"
#include "symmem/timeout.hpp"

struct CUstream_st;

namespace SYMMEM_API symmem {

/// A CUDA stream: cudaStream_t and CUstream by a name that needs no header of CUDA's. Null is the
/// legacy default stream; a program compiled for per-thread default streams passes
/// cudaStreamPerThread. It is of the device that the memory is on.
using Stream = CUstream_st*;

class SymmetricMemory;

/// The operations of a SymmetricMemory on GPU memory in the order of one stream; what
/// SymmetricMemory::on returns. Calls check their arguments, enqueue and return: they do not block
/// the host, unless some thousand launches are outstanding and CUDA makes it wait. They may be
/// captured into a graph and replayed any number of times, since kernels keep all counts; timeouts
/// run from when the stream gets there, and a copy reads its source then, at each replay.
///
/// One barrier at a time on a channel and one wait on a (channel, source), in all streams together.
/// Error(invalid_argument) for a stream of another device.
///
/// A wait that ends without its signal (timeout, peer lost) marks the memory as failed: see
/// symmem/device.cuh. Peers without a pointer are Error(unsupported), except as the source of
/// wait_signal. Keeps the memory; work in streams must be done before close.
class StreamOperations {
 public:
  StreamOperations(std::shared_ptr<SymmetricMemory> memory, Stream stream)
      : memory_(std::move(memory)), stream_(stream) {}

  /// Copies into `dst`'s buffer. `source` is GPU memory or host memory that CUDA knows (pinned);
  /// other host memory works, but CUDA may make the call wait.
  void put(int dst, std::size_t offset, const void* source, std::size_t bytes) const;
  /// Copies out of `src`'s buffer.
  void get(int src, std::size_t offset, void* target, std::size_t bytes) const;
  /// Adds one to the count (channel, this rank) at `dst`, after all that the stream did before.
  void put_signal(int dst, int channel) const;
  /// Goes on in the stream when a signal of `src` is there, and consumes it.
  void wait_signal(int src, int channel, Timeout timeout = {}) const;
  /// Puts, then signals: whoever waited for the signal sees the bytes.
  void put_with_signal(int dst, std::size_t offset, const void* source, std::size_t bytes,
                       int channel) const;
  /// Collective: goes on when all ranks' streams, or the ranks themselves, have come to it.
  void barrier(int channel = 0, Timeout timeout = {}) const;

 private:
  std::shared_ptr<SymmetricMemory> memory_;
  Stream stream_;
};

}  // namespace symmem
