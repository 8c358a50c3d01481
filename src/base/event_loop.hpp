// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace symmem {

/// One background thread that runs handlers in turn: the store's client, the fd service and the
/// liveness checks share it. Handlers must not block; an exception from one is a bug and ends the
/// program. Every call may come from any thread.
///
/// A thread is needed because peers may ask for a descriptor, and the store for a sign of life,
/// while the application computes.
class EventLoop {
 public:
  EventLoop();
  /// Stops and joins. Handlers not yet run are dropped. Not from the loop's own thread.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Ends the thread; handlers not yet run are dropped. Once, or by the destructor.
  void stop();

  void post(std::function<void()> handler);
  /// Runs `handler` in the loop and returns when it has run; here and now if called from the loop
  /// or after stop. What it throws is thrown here. In a forked child nothing is run.
  void run(const std::function<void()>& handler);

  /// Something that the loop does again and again until this object goes. Once the destructor has
  /// returned the handler neither runs nor will run; from the loop's own thread that is immediate.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  /// Calls `handler` whenever `fd` has something to read or its other end is gone. The caller keeps
  /// `fd` open for as long as the Subscription lives.
  std::unique_ptr<Subscription> watch(int fd, std::function<void()> handler);
  /// Calls `handler` about every `period`.
  std::unique_ptr<Subscription> every(std::chrono::milliseconds period,
                                      std::function<void()> handler);

  boost::asio::io_context& io();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
