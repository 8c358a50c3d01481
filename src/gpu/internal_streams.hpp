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

/// A stream owned by symmem, and the memory into which a kernel on this stream writes its report to
/// the host.
struct InternalStream {
  cudaStream_t stream = nullptr;
  Report* report = nullptr;
};

/// The pool of one device's internal streams. Each host call leases a separate stream, so that a
/// waiting call does not delay the call that ends its wait. The constructor creates some streams,
/// because creating a stream may block while a kernel spins; more streams are created only if more
/// calls run at the same time. Leases may be created on any thread.
class InternalStreams {
 public:
  explicit InternalStreams(int device);
  ~InternalStreams();
  InternalStreams(const InternalStreams&) = delete;
  InternalStreams& operator=(const InternalStreams&) = delete;

  /// RAII: exclusive use of one stream by one host thread. The thread's current device must be the
  /// device of the pool.
  class Lease {
   public:
    /// Throws Error(exhausted) if 256 streams are in use.
    explicit Lease(InternalStreams& pool) : pool_(pool), stream_(pool.acquire()) {}
    /// If an exception is propagating, first waits until no work on the stream uses the caller's
    /// memory.
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    const InternalStream* operator->() const { return &stream_; }
    /// Waits for the kernel's report. Throws Error(timeout) if the kernel does not start within
    /// `timeout` (at least 1 s); a kernel that starts later does nothing. A started kernel must
    /// report within `timeout` + 5 s. Throws Error if the stream fails. Calls `meanwhile`, unless
    /// it is empty, while this thread spins.
    Report wait(std::chrono::nanoseconds timeout, const std::function<void()>& meanwhile = {});
    /// Returns the kernel's report; empty if the kernel has not reported yet. Throws Error if the
    /// stream fails.
    std::optional<Report> poll();
    /// Stops waiting for the kernel. If the kernel has not started, it will do nothing.
    void abandon();
    /// Waits until all work on the stream has completed. Throws Error(timeout) after 60 s.
    void synchronize();

   private:
    InternalStreams& pool_;
    InternalStream stream_;
    /// True if work may still run on the stream after its release to the pool.
    bool busy_ = false;
    std::chrono::steady_clock::time_point queried_{};  ///< Time of the last cudaStreamQuery.
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
  /// Pinned memory; one report per stream, for the maximum number of streams.
  Report* reports_ = nullptr;
  std::mutex mutex_;  ///< Guards the members below.
  int created_ = 0;
  std::vector<InternalStream> idle_;
  std::vector<InternalStream> busy_;  ///< Streams that were released before their work completed.
};

}  // namespace symmem::cuda
