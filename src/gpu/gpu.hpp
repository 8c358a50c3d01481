// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "symmem/cuda.hpp"
#include "symmem/device_view.hpp"
#include "symmem/types.hpp"

namespace symmem {

/// One copy, between any two of: GPU memory, peers' GPU memory mapped here, host memory.
struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
};

/// RAII: while it lives, CUDA calls of the thread that made it do not invalidate graph captures.
class CaptureGuard {
 public:
  virtual ~CaptureGuard() = default;
};

/// One GPU and the operations on its memory, which the CPU cannot load and store. Calls may come
/// from any thread. No call allocates, registers, maps or frees memory: that may block while a
/// kernel spins.
class Gpu {
 public:
  virtual ~Gpu() = default;
  virtual int index() const = 0;
  /// Makes this GPU current on the calling thread until the guard is destroyed: for callers that
  /// make CUDA calls of their own.
  virtual std::unique_ptr<CaptureGuard> enter() = 0;

  // Blocking forms, on a high-priority stream of symmem; each returns when the operation is
  // complete.
  virtual void copy(std::span<const Copy> copies) = 0;
  void copy(void* to, const void* from, std::size_t bytes) {
    const Copy one{to, from, bytes};
    copy({&one, 1});
  }
  /// Returns true if the CPU can load and store at `at`, so that no copy is needed.
  virtual bool on_host(const void* at) const = 0;
  /// Returns kStageBytes of pinned host memory, which this GPU copies fastest; the last reference
  /// releases it. Null while all is in use.
  static constexpr std::size_t kStageBytes = 256 << 10;
  virtual std::shared_ptr<std::byte[]> stage() = 0;
  /// Ordering of GPUDirect RDMA writes as seen by kernels: in order; only after
  /// sync_remote_writes(); not guaranteed.
  enum class RemoteWrites { ordered, synced, unordered };
  virtual RemoteWrites remote_writes() const = 0;
  /// Makes all completed RDMA writes visible to kernels. Blocks.
  virtual void sync_remote_writes() = 0;
  virtual void zero(void* at, std::size_t bytes) = 0;
  /// Executes an atomic at system scope on a naturally aligned word of 4 or 8 bytes (`width`) in
  /// GPU memory. Returns the word's previous value.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, void* at, std::uint64_t value,
                               std::uint64_t expected) = 0;
  /// An atomic in flight. If it is destroyed earlier, the atomic may still execute.
  class Pending {
   public:
    virtual ~Pending() = default;
    /// Returns true once the atomic has executed, and sets `before` to the word's previous value.
    /// Does not block. Throws Error if the GPU fails.
    virtual bool done(std::uint64_t& before) = 0;
  };
  /// Asynchronous form. Use it where blocking could deadlock: the kernel that occupies the GPU may
  /// be waiting for this thread.
  virtual std::unique_ptr<Pending> start_atomic(AtomicOp op, std::size_t width, void* at,
                                                std::uint64_t value, std::uint64_t expected) = 0;
  virtual void put_signal(const DeviceView& view, int dst, int channel,
                          std::chrono::nanoseconds timeout) = 0;
  /// How a wait ended. `failed`: an earlier wait has marked the memory as failed.
  enum class Outcome { arrived, timeout, gone, failed };
  /// A wait that does not end with `arrived` consumes no signal and does not mark the memory as
  /// failed.
  virtual Outcome wait_signal(const DeviceView& view, int src, int channel,
                              std::chrono::nanoseconds timeout) = 0;
  /// Signals the peers that a pointer reaches and waits for all peers. The caller must have
  /// signalled the others before. Calls `meanwhile`, unless it is empty, repeatedly in the first
  /// phase of the wait.
  virtual Outcome barrier(const DeviceView& view, int channel, std::chrono::nanoseconds timeout,
                          const std::function<void()>& meanwhile) = 0;

  // Stream-ordered forms: each enqueues on the caller's stream and returns.
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
  /// Throws Error(unsupported) without a driver or GPU, Error(invalid_argument) if there is no GPU
  /// `index`.
  virtual Gpu& gpu(int index) = 0;
  /// Guards captures without a change of the current GPU.
  virtual std::unique_ptr<CaptureGuard> guard_captures() = 0;
  /// Throws Error(invalid_argument) unless the range is device memory of that GPU (cudaMalloc,
  /// cuMemCreate and the like).
  virtual void check_memory(const void* at, std::size_t bytes, int index) = 0;
};

}  // namespace symmem
