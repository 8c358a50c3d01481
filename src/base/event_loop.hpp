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
/// service and the liveness checks share it. Handlers must not block. An exception that leaves a
/// handler is a bug and terminates the program. Any thread may call any function.
///
/// The thread exists because peers request descriptors, and the store requests heartbeats, while
/// the application computes.
class EventLoop {
 public:
  EventLoop();
  /// Calls stop(). Must not run in the loop's own thread.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Joins the thread. Drops handlers that have not run. Further calls do nothing.
  void stop();

  /// Enqueues `handler` and returns at once.
  void post(std::function<void()> handler);
  /// Runs `handler` in the loop and returns when it has run. Runs it in the calling thread if that
  /// is the loop's, or after stop(). Rethrows the exception of `handler`. Does nothing in a forked
  /// child.
  void run(const std::function<void()>& handler);

  /// RAII: a handler that the loop calls repeatedly until this object is destroyed. The destructor
  /// blocks while the handler runs in another thread; after it the handler does not run.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  /// Calls `handler` whenever `fd` is readable or its other end is closed. `fd` is borrowed: the
  /// caller keeps it open as long as the Subscription lives.
  std::unique_ptr<Subscription> watch(int fd, std::function<void()> handler);
  /// Calls `handler` `period` after the previous call returned.
  std::unique_ptr<Subscription> every(std::chrono::milliseconds period,
                                      std::function<void()> handler);

  boost::asio::io_context& io();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
