// SPDX-License-Identifier: Apache-2.0
#pragma once

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

  // With `mutex` held:
  /// Whether anything was done.
  bool progress() { return ucp_.worker_progress(worker_) != 0; }
  /// Whether event_fd will tell; if not, there is something to progress now.
  bool arm() { return ucp_.worker_arm(worker_) == UCS_OK; }

  /// Makes event_fd readable. From any thread.
  void wake() { ucp_.worker_signal(worker_); }

  std::mutex mutex;

 private:
  const Library& ucp_;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

}  // namespace symmem::ucx
