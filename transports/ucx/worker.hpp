// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "ucx/library.hpp"

namespace symmem::ucx {

/// Throws Refusal that names `what` unless `status` is UCS_OK: for calls that fail where UCX cannot
/// work on this host or with this memory.
void refuse_unless_ok(const Library& ucp, ucs_status_t status, const char* what);
/// Throws Error(internal) that names `what` unless `status` is UCS_OK: for calls that fail only
/// through a bug.
void require_ok(const Library& ucp, ucs_status_t status, const char* what);

/// One UCP worker and the mutex under which threads use it in turn.
class Worker {
 public:
  /// Throws Refusal if UCX cannot create one.
  Worker(const Library& ucp, ucp_context_h context);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ucp_worker_h get() const { return worker_; }
  /// Once armed, becomes readable when there is something to progress.
  int event_fd() const { return event_fd_; }
  /// Returns its address with network transports only, which peers on the same host use as well.
  std::string network_address() const;

  /// Makes progress() call `handler(argument, ...)` for each active message `id`.
  void on_message(unsigned id, ucp_am_recv_callback_t handler, void* argument);

  /// Locks its mutex. A thread that progresses in a loop gives way.
  std::unique_lock<std::mutex> lock() {
    wanted_.fetch_add(1, std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    wanted_.fetch_sub(1, std::memory_order_relaxed);
    return lock;
  }
  /// Locks its mutex if it is free and no thread waits in lock().
  std::unique_lock<std::mutex> try_lock() {
    if (wanted()) return {};
    return {mutex_, std::try_to_lock};
  }
  /// Returns whether a thread waits in lock().
  bool wanted() const { return wanted_.load(std::memory_order_relaxed) != 0; }

  // The caller has locked the worker.
  /// Returns whether anything was done.
  bool progress() { return ucp_.worker_progress(worker_) != 0; }
  /// Arms event_fd(). Returns false if there is something to progress now.
  bool arm() { return ucp_.worker_arm(worker_) == UCS_OK; }

  /// Makes event_fd() readable. From any thread.
  void wake() { ucp_.worker_signal(worker_); }

 private:
  std::mutex mutex_;
  std::atomic<int> wanted_{0};  ///< Threads that wait in lock(). A hint; orders nothing.
  const Library& ucp_;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

}  // namespace symmem::ucx
