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

/// Watches store connections in an event loop's thread. Unlike EventLoop::watch, what a descriptor
/// is watched for can be changed by any thread at the price of one system call: a thread that waits
/// for its reply reads by itself, and the loop must not be woken for that.
class Poller {
 public:
  class Watched {
   public:
    virtual ~Watched() = default;
    virtual void ready() = 0;
    virtual void tick() = 0;
  };

  /// Ticks every `period`.
  Poller(std::shared_ptr<EventLoop> loop, std::chrono::milliseconds period);

  void add(int fd, std::shared_ptr<Watched> watched);
  /// `events` as epoll(7) has them; 0 for none.
  void watch_for(int fd, std::uint32_t events);
  /// Calls ready() for `fd` a little later, even if nothing has come by then.
  void look_soon(int fd);
  void remove(int fd);

 private:
  void poll();
  void tick();
  void call_ready(int fd);
  std::vector<int> take_soon();

  const std::shared_ptr<EventLoop> loop_;
  const Fd epoll_, timer_;
  std::mutex mutex_;
  std::vector<int> soon_;
  std::unordered_map<int, std::shared_ptr<Watched>> watched_;
  std::unique_ptr<EventLoop::Subscription> readable_, ticking_;
};

}  // namespace symmem::store
