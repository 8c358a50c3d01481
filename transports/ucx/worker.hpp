// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "ucx/library.hpp"

namespace symmem::ucx {

/// Throws Refusal with `what` in the text unless `status` is UCS_OK. For calls that fail if UCX
/// cannot be used on this host or with this memory.
void refuse_unless_ok(const Library& ucp, ucs_status_t status, const char* what);
/// Throws Error(internal) with `what` in the text unless `status` is UCS_OK. For calls that fail
/// only because of a bug.
void require_ok(const Library& ucp, ucs_status_t status, const char* what);

/// A UCP worker and the mutex that serialises its use by several threads.
class Worker {
 public:
  /// Throws Refusal if UCX cannot create a worker.
  Worker(const Library& ucp, ucp_context_h context);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ucp_worker_h get() const { return worker_; }
  /// Returns a descriptor that, after arm(), becomes readable when there is something to progress.
  int event_fd() const { return event_fd_; }
  /// Returns the worker's address. It contains network transports only, which peers on the same
  /// host use, too.
  std::string network_address() const;

  /// Makes progress() call `handler(argument, ...)` for each active message `id`.
  void on_message(unsigned id, ucp_am_recv_callback_t handler, void* argument);

  /// Locks the worker. A thread that progresses in a loop unlocks the worker for the caller.
  std::unique_lock<std::mutex> lock() {
    wanted_.fetch_add(1, std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    wanted_.fetch_sub(1, std::memory_order_relaxed);
    return lock;
  }
  /// Locks the worker if it is not locked and no thread waits in lock().
  std::unique_lock<std::mutex> try_lock() {
    if (wanted()) return {};
    return {mutex_, std::try_to_lock};
  }
  /// Returns whether a thread waits in lock().
  bool wanted() const { return wanted_.load(std::memory_order_relaxed) != 0; }

  // The caller of progress() or arm() must have locked the worker.
  /// Progresses the worker. Returns whether there was any progress.
  bool progress() { return ucp_.worker_progress(worker_) != 0; }
  /// Arms event_fd(). Returns false if there is something to progress now.
  bool arm() { return ucp_.worker_arm(worker_) == UCS_OK; }

  /// Makes event_fd() readable. May be called from any thread.
  void wake() { ucp_.worker_signal(worker_); }

 private:
  std::mutex mutex_;
  /// Number of threads that wait in lock(); a hint without memory ordering.
  std::atomic<int> wanted_{0};
  const Library& ucp_;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

}  // namespace symmem::ucx
