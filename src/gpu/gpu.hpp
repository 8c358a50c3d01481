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

/// A copy. Source and target are each GPU memory, a peer's GPU memory that is mapped in this
/// process, or host memory.
struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
};

/// RAII: during its lifetime, CUDA calls by the thread that created it do not invalidate graph
/// captures.
class CaptureGuard {
 public:
  virtual ~CaptureGuard() = default;
};

/// One GPU and the operations on its memory, which the CPU cannot access directly. All functions
/// may be called from any thread. No function allocates, registers, maps or frees memory, because
/// such a CUDA call may block while a kernel spins.
class Gpu {
 public:
  virtual ~Gpu() = default;
  virtual int index() const = 0;
  /// Makes this GPU current on the calling thread until the guard is destroyed. For callers that
  /// call CUDA themselves.
  virtual std::unique_ptr<CaptureGuard> enter() = 0;

  // Blocking functions. Each runs on a high-priority stream of symmem and returns when the
  // operation is complete.
  virtual void copy(std::span<const Copy> copies) = 0;
  void copy(void* to, const void* from, std::size_t bytes) {
    const Copy one{to, from, bytes};
    copy({&one, 1});
  }
  /// Returns true if `at` is host memory, which the CPU can access without a copy by the GPU.
  virtual bool on_host(const void* at) const = 0;
  /// Returns kStageBytes of pinned host memory, which a GPU copies faster than other host memory.
  /// The last reference releases the buffer. Returns null while all buffers are in use.
  static constexpr std::size_t kStageBytes = 256 << 10;
  virtual std::shared_ptr<std::byte[]> stage() = 0;
  /// Order in which kernels observe GPUDirect RDMA writes. `ordered`: in the order of the writes.
  /// `synced`: in order after sync_remote_writes(). `unordered`: no guarantee.
  enum class RemoteWrites { ordered, synced, unordered };
  virtual RemoteWrites remote_writes() const = 0;
  /// Makes all completed RDMA writes visible to kernels. Blocks.
  virtual void sync_remote_writes() = 0;
  virtual void zero(void* at, std::size_t bytes) = 0;
  /// Executes an atomic operation at system scope on a naturally aligned word of 4 or 8 bytes
  /// (`width`) in GPU memory. Returns the previous value of the word.
  virtual std::uint64_t atomic(AtomicOp op, std::size_t width, void* at, std::uint64_t value,
                               std::uint64_t expected) = 0;
  /// An atomic operation in flight. If this object is destroyed before the operation completes, the
  /// operation may still execute.
  class Pending {
   public:
    virtual ~Pending() = default;
    /// Returns true once the operation is complete, and sets `before` to the previous value of the
    /// word. Does not block. Throws Error if the GPU fails.
    virtual bool done(std::uint64_t& before) = 0;
  };
  /// Starts an atomic operation and returns without waiting for it. For callers that must not
  /// block: the kernel that occupies the GPU may be waiting for the calling thread.
  virtual std::unique_ptr<Pending> start_atomic(AtomicOp op, std::size_t width, void* at,
                                                std::uint64_t value, std::uint64_t expected) = 0;
  virtual void put_signal(const DeviceView& view, int dst, int channel,
                          std::chrono::nanoseconds timeout) = 0;
  /// Result of a wait. `failed`: an earlier wait has marked the memory as failed.
  enum class Outcome { arrived, timeout, gone, failed };
  /// Waits for a signal. If the result is not `arrived`, the wait has not consumed a signal and has
  /// not marked the memory as failed.
  virtual Outcome wait_signal(const DeviceView& view, int src, int channel,
                              std::chrono::nanoseconds timeout) = 0;
  /// Signals the peers that this GPU accesses by pointer and waits for all peers. The caller must
  /// have signalled the other peers before. Calls `meanwhile`, unless it is empty, repeatedly in
  /// the first phase of the wait.
  virtual Outcome barrier(const DeviceView& view, int channel, std::chrono::nanoseconds timeout,
                          const std::function<void()>& meanwhile) = 0;

  // Stream-ordered functions. Each enqueues the operation on the caller's stream and returns.
  virtual void copy(Stream stream, const Copy& copy) = 0;
  virtual void put_signal(Stream stream, const DeviceView& view, int dst, int channel) = 0;
  virtual void wait_signal(Stream stream, const DeviceView& view, int src, int channel,
                           std::chrono::nanoseconds timeout) = 0;
  virtual void put_with_signal(Stream stream, const DeviceView& view, const Copy& copy, int dst,
                               int channel) = 0;
  virtual void barrier(Stream stream, const DeviceView& view, int channel,
                       std::chrono::nanoseconds timeout) = 0;
};

/// The GPUs that are visible to this process.
class Gpus {
 public:
  virtual ~Gpus() = default;
  /// Returns the GPU `index`. Throws Error(unsupported) if there is no CUDA driver or no GPU,
  /// Error(invalid_argument) if there is no GPU `index`.
  virtual Gpu& gpu(int index) = 0;
  /// Returns a guard for graph captures that does not change the current GPU.
  virtual std::unique_ptr<CaptureGuard> guard_captures() = 0;
  /// Throws Error(invalid_argument) unless the range is device memory of GPU `index` (cudaMalloc,
  /// cuMemCreate and similar).
  virtual void check_memory(const void* at, std::size_t bytes, int index) = 0;
};

}  // namespace symmem
