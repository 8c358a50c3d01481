// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gpu/gpu.hpp"
#include "symmem/extend/transport.hpp"
#include "ucx/service.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

/// Progresses a worker and its service. A progress thread serves peers and completes posted
/// operations while the application computes. Application threads that wait or poll progress the
/// worker directly, which avoids a thread switch; the progress thread parks meanwhile.
class ProgressDriver {
 public:
  /// `worker` and `service` outlive the driver. `mode` (SYMMEM_PROGRESS) selects how long the
  /// progress thread polls before it sleeps.
  ProgressDriver(Worker& worker, Service& service, Progress mode);
  ~ProgressDriver() { stop(); }
  ProgressDriver(const ProgressDriver&) = delete;
  ProgressDriver& operator=(const ProgressDriver&) = delete;

  /// Starts the progress thread; called once. Throws Error(exhausted) if the thread cannot be
  /// started.
  void start();
  /// Stops all progress permanently and joins the thread. Returns false if stop() was called
  /// before.
  bool stop() noexcept;
  bool stopped() const { return stopping_.load(); }

  Worker& worker() { return worker_; }

  // The caller of wait(), progress_once(), notify() or defer() must have locked the worker.
  /// Progresses until `done()` returns true. Calls `wait.check()` every 50 ms with the worker
  /// unlocked. Polls briefly, then sleeps while the progress thread progresses.
  void wait(std::unique_lock<std::mutex>& lock, Wait& wait, const std::function<bool()>& done);
  /// Progresses the worker once. The caller repeats the call until its own condition is true.
  void progress_once(std::unique_lock<std::mutex>& lock);
  /// Makes every wait() evaluate its condition again.
  void notify() { changed_.notify_all(); }
  /// Runs `action` after the current call of ucp_worker_progress returns. For UCX callbacks, which
  /// must not close endpoints.
  void defer(std::function<void()> action) { deferred_.push_back(std::move(action)); }

  // poll() and stop_polling() may be called from any thread. The caller must not have locked the
  // worker.
  /// Progresses the worker without waiting. Does nothing if another thread has locked the worker.
  void poll();
  /// Announces that the calling thread stops polling; the progress thread then resumes.
  void stop_polling();
  /// Makes each thread that progresses guard stream captures from now on, because UCX or the
  /// service may call CUDA. `gpus` outlives the driver.
  void guard_captures(Gpus& gpus) { guarded_.store(&gpus); }

 private:
  class Polling;

  std::unique_ptr<CaptureGuard> capture_guard() const {
    Gpus* const gpus = guarded_.load(std::memory_order_acquire);
    return gpus == nullptr ? nullptr : gpus->guard_captures();
  }
  bool progress();
  bool spin(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done);
  bool try_progress();
  bool polled_recently() const;
  void run();
  void park(std::chrono::nanoseconds longest);
  void sleep();

  Worker& worker_;
  Service& service_;
  /// Time that the progress thread polls before it sleeps.
  const std::chrono::nanoseconds spin_time_;
  std::atomic<Gpus*> guarded_{nullptr};  ///< Null while no block is on a GPU.
  std::mutex parking_;
  /// Used with parking_; the progress thread waits here while others poll.
  std::condition_variable parked_;
  std::condition_variable changed_;              ///< Used with the worker's mutex.
  std::vector<std::function<void()>> deferred_;  ///< Guarded by the worker's mutex.
  std::atomic<bool> stopping_{false};
  std::atomic<int> polling_{0};  ///< Number of threads that poll; a hint without memory ordering.
  /// Time of the last poll in steady-clock ticks; a hint like polling_.
  std::atomic<std::int64_t> last_poll_{0};
  std::thread thread_;  ///< Last member: the thread uses all members above.
};

}  // namespace symmem::ucx
