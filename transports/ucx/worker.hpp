// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "ucx/library.hpp"

namespace symmem::ucx {

/// Throws Error(unsupported) naming `what` unless `status` is UCS_OK.
void require_ok(const Library& ucp, ucs_status_t status, const char* what);

/// One UCP worker and the mutex under which it is used: its threads take turns.
class Worker {
 public:
  Worker(const Library& ucp, ucp_context_h context);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ucp_worker_h get() const { return worker_; }
  /// Readable, once armed, when there is something to progress.
  int event_fd() const { return event_fd_; }
  /// Its address, of network transports only: on one host, too, peers then come by network.
  std::string network_address() const;

  /// Active messages of number `id` go to `handler(argument, ...)`, called by progress.
  void on_message(unsigned id, ucp_am_recv_callback_t handler, void* argument);

  /// Its mutex, for as long as that lives. Who progresses again and again meanwhile gives way.
  std::unique_lock<std::mutex> lock() {
    wanted_.fetch_add(1, std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    wanted_.fetch_sub(1, std::memory_order_relaxed);
    return lock;
  }
  /// The same if that is possible now and nobody waits for it.
  std::unique_lock<std::mutex> try_lock() {
    if (wanted()) return {};
    return {mutex_, std::try_to_lock};
  }
  /// Whether somebody waits in lock().
  bool wanted() const { return wanted_.load(std::memory_order_relaxed) != 0; }

  // While locked:
  /// Whether anything was done.
  bool progress() { return ucp_.worker_progress(worker_) != 0; }
  /// Whether event_fd will tell; if not, there is something to progress now.
  bool arm() { return ucp_.worker_arm(worker_) == UCS_OK; }

  /// Makes event_fd readable. From any thread.
  void wake() { ucp_.worker_signal(worker_); }

 private:
  std::mutex mutex_;
  std::atomic<int> wanted_{0};  ///< How many threads wait in lock(); a hint, that orders nothing.
  const Library& ucp_;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

}  // namespace symmem::ucx
