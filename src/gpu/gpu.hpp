// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "symmem/atomic.hpp"
#include "symmem/device_view.hpp"
#include "symmem/cuda.hpp"

namespace symmem {

/// Bytes to be copied, between any two of: GPU memory, peers' GPU memory mapped here, host memory.
struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
};

/// While it lives, calls into CUDA of the thread that made it disturb no capture of a graph.
class CaptureGuard {
 public:
  virtual ~CaptureGuard() = default;
};

/// One GPU, and what is done on its memory, which the CPU does not load and store. Calls may come
/// from any thread. None allocates, registers, maps or frees: a kernel may be spinning.
class Gpu {
 public:
  virtual ~Gpu() = default;
  virtual int index() const = 0;
  /// For calls into CUDA by others than this class: they find this GPU current, too.
  virtual std::unique_ptr<CaptureGuard> enter() = 0;

  // On a stream of symmem's own, of high priority; each returns when it is done.
  virtual void copy(std::span<const Copy> copies) = 0;
  void copy(void* to, const void* from, std::size_t bytes) {
    const Copy one{to, from, bytes};
    copy({&one, 1});
  }
  /// Whether the CPU loads and stores there, too, and no copy is needed.
  virtual bool on_host(const void* at) const = 0;
  /// Host memory, kStageBytes of it, from and to which this GPU copies fastest; others get it when
  /// the last reference goes. Null while all is in use.
  static constexpr std::size_t kStageBytes = 256 << 10;
  virtual std::shared_ptr<std::byte[]> stage() = 0;
  /// Of what a network card writes to this GPU's memory by itself: whether kernels see it in the
  /// order of the card's writes, or not before sync_remote_writes, or never for sure.
  enum class RemoteWrites { ordered, synced, unordered };
  virtual RemoteWrites remote_writes() const = 0;
  /// Returns when kernels see all that a card has written.
  virtual void sync_remote_writes() = 0;
  virtual void zero(void* at, std::size_t bytes) = 0;
  /// On a naturally aligned word of `width` 4 or 8 bytes in GPU memory, at system scope.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, void* at, std::uint64_t value,
                               std::uint64_t expected) = 0;
  /// An atomic that the GPU has yet to carry out. Destroyed before that, it may still come.
  class Pending {
   public:
    virtual ~Pending() = default;
    /// Whether it is done; then `before` is what the word was. Throws if the GPU fails.
    virtual bool done(std::uint64_t& before) = 0;
  };
  /// The same without waiting: for who must not, since what holds the GPU may wait for him.
  virtual std::unique_ptr<Pending> start_atomic(AtomicOp op, std::size_t width, void* at,
                                                std::uint64_t value, std::uint64_t expected) = 0;
  virtual void put_signal(const DeviceView& view, int dst, int channel,
                          std::chrono::nanoseconds timeout) = 0;
  /// How a wait ended. `failed`: an earlier wait had marked the memory.
  enum class Outcome { arrived, timeout, gone, failed };
  /// A wait that fails consumes nothing and marks nothing.
  virtual Outcome wait_signal(const DeviceView& view, int src, int channel,
                              std::chrono::nanoseconds timeout) = 0;
  /// Signals the peers that have a pointer and waits for all; the others are told by the caller,
  /// before. `meanwhile`, unless it is empty, is called again and again while that may help.
  virtual Outcome barrier(const DeviceView& view, int channel, std::chrono::nanoseconds timeout,
                          const std::function<void()>& meanwhile) = 0;

  // On the caller's stream; each returns at once.
  virtual void copy(Stream stream, const Copy& copy) = 0;
  virtual void put_signal(Stream stream, const DeviceView& view, int dst, int channel) = 0;
  virtual void wait_signal(Stream stream, const DeviceView& view, int src, int channel,
                           std::chrono::nanoseconds timeout) = 0;
  virtual void put_with_signal(Stream stream, const DeviceView& view, const Copy& copy, int dst,
                               int channel) = 0;
  virtual void barrier(Stream stream, const DeviceView& view, int channel,
                       std::chrono::nanoseconds timeout) = 0;
};

/// The GPUs that this process sees.
class Gpus {
 public:
  virtual ~Gpus() = default;
  /// Error(unsupported) without a driver or GPU, Error(invalid_argument) for one that is not there.
  virtual std::shared_ptr<Gpu> gpu(int index) = 0;
  virtual std::unique_ptr<CaptureGuard> guard_captures() = 0;
  /// Error(invalid_argument) unless the memory is that GPU's own, of cudaMalloc, cuMemCreate or the
  /// like.
  virtual void check_memory(const void* at, std::size_t bytes, int index) = 0;
};

}  // namespace symmem
