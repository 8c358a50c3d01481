// SPDX-License-Identifier: Apache-2.0
#include "store/poller.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/check.hpp"

namespace symmem::store {

Poller::Poller(std::shared_ptr<EventLoop> loop, std::chrono::milliseconds period)
    : loop_(std::move(loop)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!epoll_ || !timer_) fail_errno(errno, "epoll_create1 or timerfd_create");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = timer_.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event);
  readable_ = loop_->watch(epoll_.get(), [this] { poll(); });
  ticking_ = loop_->every(period, [this] { tick(); });
}

void Poller::add(int fd, std::shared_ptr<Watched> watched) {
  const std::lock_guard lock(mutex_);
  watched_[fd] = std::move(watched);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    watched_.erase(fd);
    fail_errno(errno, "epoll_ctl for the store's connection");
  }
}

void Poller::watch_for(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) {
  const std::lock_guard lock(mutex_);
  watched_.erase(fd);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::poll_later(int fd) {
  constexpr long kDelay = 10'000'000;  // Nanoseconds.
  const std::lock_guard lock(mutex_);
  due_later_.push_back(fd);
  if (due_later_.size() > 1) return;
  itimerspec when{};
  when.it_value.tv_nsec = kDelay;
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

std::vector<int> Poller::take_due() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  static_cast<void>(!::read(timer_.get(), &count, sizeof count));
  return std::exchange(due_later_, {});
}

void Poller::poll() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events[static_cast<std::size_t>(i)].data.fd;
    if (fd != timer_.get())
      call_ready(fd);
    else
      for (const int due : take_due()) call_ready(due);
  }
}

void Poller::call_ready(int fd) {
  std::shared_ptr<Watched> watched;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(fd);
    if (found != watched_.end()) watched = found->second;
  }
  if (watched) watched->ready();
}

void Poller::tick() {
  std::vector<std::shared_ptr<Watched>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [fd, watched] : watched_) all.push_back(watched);
  }
  for (const auto& watched : all) watched->tick();
}

}  // namespace symmem::store
