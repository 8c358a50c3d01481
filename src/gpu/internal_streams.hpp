// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gpu/kernels.hpp"

namespace symmem::cuda {

/// A stream of symmem and the memory in which a kernel on it reports to the host.
struct InternalStream {
  cudaStream_t stream = nullptr;
  Report* report = nullptr;
};

/// The pool of one device's internal streams. Each host call leases a stream of its own, since a
/// call that waits must not delay the call that it waits for. Creates some streams at construction,
/// because creating one may block while a kernel spins, and more only if more calls run at once.
/// Safe from any thread.
class InternalStreams {
 public:
  explicit InternalStreams(int device);
  ~InternalStreams();
  InternalStreams(const InternalStreams&) = delete;
  InternalStreams& operator=(const InternalStreams&) = delete;

  /// RAII: exclusive use of one stream by one host thread, whose current device must be the pool's.
  class Lease {
   public:
    /// Throws Error(exhausted) beyond 256 streams.
    explicit Lease(InternalStreams& pool) : pool_(pool), stream_(pool.acquire()) {}
    /// While an exception propagates, first waits until no work on the stream uses the caller's
    /// memory.
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    const InternalStream* operator->() const { return &stream_; }
    /// Waits for the kernel's report. The kernel has `timeout` (1 s at least) to start; if it does
    /// not, throws Error(timeout), and the kernel does nothing when it starts later. From its start
    /// it has `timeout` + 5 s to report. Throws Error if the stream fails. Calls `meanwhile`,
    /// unless it is empty, while this thread spins.
    Report wait(std::chrono::nanoseconds timeout, const std::function<void()>& meanwhile = {});
    /// Returns the kernel's report, empty while it has not reported. Throws Error if the stream
    /// fails.
    std::optional<Report> poll();
    /// Stops waiting: the kernel does nothing if it has not started.
    void abandon();
    /// Waits until all work on the stream has completed. Throws Error(timeout) after 60 s.
    void synchronize();

   private:
    InternalStreams& pool_;
    InternalStream stream_;
    bool busy_ = false;  ///< Work may still run after the release: not reusable yet.
    std::chrono::steady_clock::time_point queried_{};  ///< When the stream's status was last read.
    const int exceptions_ = std::uncaught_exceptions();
  };

 private:
  InternalStream acquire();
  void release(const InternalStream& stream, bool busy);
  /// Moves streams whose work has completed from busy_ to idle_.
  void reclaim();
  void destroy() noexcept;
  InternalStream create();

  const int device_;
  Report* reports_ = nullptr;  ///< Pinned; one for each stream that may be created.
  std::mutex mutex_;           ///< Guards the members below.
  int created_ = 0;
  std::vector<InternalStream> idle_;
  std::vector<InternalStream> busy_;  ///< Released while their work was still enqueued.
};

}  // namespace symmem::cuda
