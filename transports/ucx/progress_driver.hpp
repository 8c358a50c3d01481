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

/// Progresses a worker and the service on it. A thread of its own serves peers while the
/// application computes, and completes what the application posted without its help. Application
/// threads that wait or poll progress the worker themselves, which saves a thread switch; the
/// progress thread parks meanwhile.
class ProgressDriver {
 public:
  /// `worker` and `service` outlive it. `mode` is SYMMEM_PROGRESS: how long the thread spins before
  /// it sleeps.
  ProgressDriver(Worker& worker, Service& service, Progress mode);
  ~ProgressDriver() { stop(); }
  ProgressDriver(const ProgressDriver&) = delete;
  ProgressDriver& operator=(const ProgressDriver&) = delete;

  /// Starts the thread, once. Throws Error(exhausted).
  void start();
  /// Stops progress for good and joins the thread. Returns false if it was stopped before.
  bool stop() noexcept;
  bool stopped() const { return stopping_.load(); }

  Worker& worker() { return worker_; }

  // The caller has locked the worker.
  /// Progresses until `done()` returns true; calls `wait.check()` every 50 ms, with the worker
  /// unlocked. Spins briefly, then sleeps while the thread progresses.
  void wait(std::unique_lock<std::mutex>& lock, Wait& wait, const std::function<bool()>& done);
  /// Advances the operations in flight by one step. The caller repeats it until its own condition
  /// holds.
  void progress_once(std::unique_lock<std::mutex>& lock);
  /// Makes every wait() evaluate its condition again.
  void notify() { changed_.notify_all(); }
  /// Runs `action` after the current call of ucp_worker_progress: for UCX's callbacks, in which
  /// endpoints must not be closed.
  void defer(std::function<void()> action) { deferred_.push_back(std::move(action)); }

  // From any thread, with the worker unlocked.
  /// Progresses arrived messages, without waiting, unless another thread does so now.
  void poll();
  /// Declares that the calling thread stops polling: the progress thread resumes.
  void stop_polling();
  /// From now on, guards stream captures in each thread that progresses, since UCX or the service
  /// may call CUDA. `gpus` outlives the driver.
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
  const std::chrono::nanoseconds spin_time_;  ///< How long the thread spins before it sleeps.
  std::atomic<Gpus*> guarded_{nullptr};       ///< Null while no block is on a GPU.
  std::mutex parking_;
  std::condition_variable parked_;               ///< With parking_: the thread, while others poll.
  std::condition_variable changed_;              ///< With the worker's mutex.
  std::vector<std::function<void()>> deferred_;  ///< Guarded by the worker's mutex.
  std::atomic<bool> stopping_{false};
  std::atomic<int> polling_{0};             ///< Threads that poll. A hint; orders nothing.
  std::atomic<std::int64_t> last_poll_{0};  ///< In ticks of the steady clock. A hint as well.
  std::thread thread_;                      ///< Last: it uses all of the above.
};

}  // namespace symmem::ucx
