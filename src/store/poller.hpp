// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/event_loop.hpp"
#include "base/unique_handle.hpp"

namespace symmem::store {

/// Watches store connections in an event loop's thread. Unlike with EventLoop::watch, any thread
/// can change the watched events of a descriptor with one system call and without waking the loop.
/// Threads do so because a thread that waits for a reply reads the socket itself.
class Poller {
 public:
  /// Interface of a watched connection. ready() and tick() are called in the loop's thread.
  class Watched {
   public:
    virtual ~Watched() = default;
    virtual void ready() = 0;
    virtual void tick() = 0;
  };

  /// Calls tick() on each connection every `period`.
  Poller(std::shared_ptr<EventLoop> loop, std::chrono::milliseconds period);

  void add(int fd, std::shared_ptr<Watched> watched);
  /// Sets the watched events: EPOLLIN, EPOLLOUT, or 0 for none.
  void watch_for(int fd, std::uint32_t events);
  /// Calls ready() for `fd` once, 10 ms later, whether or not it is readable.
  void poll_later(int fd);
  void remove(int fd);

 private:
  void poll();
  void tick();
  void call_ready(int fd);
  std::vector<int> take_due();

  const std::shared_ptr<EventLoop> loop_;
  const Fd epoll_, timer_;
  std::mutex mutex_;
  std::vector<int> due_later_;
  std::unordered_map<int, std::shared_ptr<Watched>> watched_;
  std::unique_ptr<EventLoop::Subscription> readable_, ticking_;
};

}  // namespace symmem::store
