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

/// A stream of symmem's own, and the place where a kernel on it reports. One host call at a time
/// has it: a call that waits must not hold up another one that it waits for.
struct Lane {
  cudaStream_t stream = nullptr;
  Report* report = nullptr;
};

/// The lanes of one device. Some are made with it, since making one is no good time when a kernel
/// spins; more only where more calls wait at once.
class Lanes {
 public:
  explicit Lanes(int device);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  /// A lane, until destruction.
  class Use {
   public:
    explicit Use(Lanes& lanes) : lanes_(lanes), lane_(lanes.take()) {}
    /// If an exception ends it, waits until nothing that is under way uses the caller's memory.
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    const Lane* operator->() const { return &lane_; }
    /// Returns what the kernel reports, which takes up to `timeout` once it runs. Throws if the
    /// stream fails instead, or if the kernel has not begun by then: Error(timeout); then it never
    /// does. Calls `meanwhile`, unless it is empty, while it spins, and then spins longer.
    Report wait(std::chrono::nanoseconds timeout, const std::function<void()>& meanwhile = {});
    /// What the kernel has reported, if it has. Throws if the stream has failed.
    std::optional<Report> look();
    /// Nobody waits any more; the kernel may still run.
    void abandon();
    /// Returns when all is done on it. Error(timeout) after a minute.
    void finish();

   private:
    Lanes& lanes_;
    Lane lane_;
    bool lost_ = false;  ///< Its kernel may still come: nobody else gets it before.
    std::chrono::steady_clock::time_point asked_{};  ///< When the stream was last asked.
    const int exceptions_ = std::uncaught_exceptions();
  };

 private:
  Lane take();
  void give_back(const Lane& lane, bool lost);
  void reclaim();
  void destroy() noexcept;
  Lane make();

  const int device_;
  Report* reports_ = nullptr;  ///< Pinned, of all lanes.
  std::mutex mutex_;           ///< Guards what follows.
  int made_ = 0;
  std::vector<Lane> idle_;
  std::vector<Lane> lost_;  ///< Their kernels or copies may still come.
};

}  // namespace symmem::cuda
