// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace symmem {

/// A background thread that runs handlers one after another. The store's client, the descriptor
/// service and the liveness checks share one loop. Handlers must not block. An exception that
/// leaves a handler is a bug and terminates the program. All member functions are thread-safe.
///
/// The thread is necessary because peers may request descriptors, and the client must send pings to
/// the store, while the application computes.
class EventLoop {
 public:
  EventLoop();
  /// Calls stop(). Must not be called on the loop's thread.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Stops and joins the thread. Drops handlers that have not run. Further calls do nothing.
  void stop();

  /// Enqueues `handler` and returns at once.
  void post(std::function<void()> handler);
  /// Runs `handler` on the loop's thread and returns when the handler has completed. Calls
  /// `handler` directly on the loop's thread and after stop(). Rethrows an exception that `handler`
  /// throws. Does nothing in a forked child.
  void run(const std::function<void()>& handler);

  /// RAII registration of a handler, which the loop calls repeatedly until this object is
  /// destroyed. The destructor blocks while the handler runs on another thread. The handler is not
  /// called after the destructor has returned.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  /// Calls `handler` whenever `fd` is readable or its peer has closed the connection. `fd` is
  /// borrowed: the caller must keep it open until the Subscription is destroyed.
  std::unique_ptr<Subscription> watch(int fd, std::function<void()> handler);
  /// Calls `handler` repeatedly, each time `period` after the previous call returned.
  std::unique_ptr<Subscription> every(std::chrono::milliseconds period,
                                      std::function<void()> handler);

  boost::asio::io_context& io();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
