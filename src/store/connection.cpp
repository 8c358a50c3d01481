// SPDX-License-Identifier: Apache-2.0
#include "store/connection.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/check.hpp"
#include "store/limits.hpp"

namespace symmem::store {

Connection::Connection(Connected connected, Poller& poller, std::string name,
                       std::chrono::milliseconds liveness)
    : socket_(std::move(connected.socket)),
      poller_(poller),
      name_(std::move(name)),
      liveness_(liveness),
      frames_(std::move(connected.frames)),
      watched_for_(EPOLLIN),
      last_ping_(Clock::now()) {}

std::string Connection::call(const Request& request, const Link::Seen& seen) {
  const std::string body = encode(request);
  require(body.size() <= kMaxFrameBytes, Errc::invalid_argument,
          "{} with {} bytes in all; at most {} fit into one request", store::name(request.kind),
          body.size(), kMaxFrameBytes);
  const auto limit = Clock::now() + request.timeout + liveness_;
  Call mine{seen};
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    require_not_lost();
    id = next_id_++;
    calls_.emplace(id, &mine);
    adjust_watch();
  }
  send(request.kind, id, body);
  await(mine, store::name(request.kind), limit);
  return std::move(*mine.reply);
}

void Connection::require_not_lost() const {
  if (lost_) fail(Errc::store_lost, "{} is lost: {}", name_, *lost_);
}

// Sending. Frames are queued; who finds the queue idle sends, so that one system call may carry the
// frames of many threads, and nobody waits for a slow socket.

void Connection::send(Kind kind, std::uint64_t id, std::string_view body) {
  int error = 0;
  {
    const std::lock_guard lock(out_mutex_);
    append_frame(out_, kind, id, body);
    if (blocked_) return;
    error = flush();
    if (error == 0 && !blocked_) return;
  }
  if (error != 0) return lose(std::generic_category().message(error));
  const std::lock_guard lock(mutex_);
  adjust_watch();
}

/// Sends what the socket takes; returns errno's value if that failed. Needs out_mutex_.
int Connection::flush() {
  while (sent_ < out_.size()) {
    const ssize_t count = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      blocked_ = true;
      return 0;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  blocked_ = false;
  sent_ = 0;
  out_.clear();
  if (out_.capacity() > kMaxUnsentBytes) std::string().swap(out_);
  return 0;
}

// Receiving.

void Connection::await(Call& mine, std::string_view what, Clock::time_point limit) {
  std::unique_lock lock(mutex_);
  while (!mine.reply) {
    if (lost_) break;
    if (Clock::now() >= limit) {
      lock.unlock();
      lose(fmt::format("it did not answer {} by its deadline and {} ms more", what,
                       liveness_.count()));
      lock.lock();
    } else if (reading_) {
      mine.changed.wait_until(lock, limit);
    } else {
      reading_ = true;
      lock.unlock();
      pollfd waiting{socket_.get(), POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - Clock::now());
      ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000)));
      receive();
      lock.lock();
      reading_ = false;
    }
  }
  if (!mine.reply) {
    std::erase_if(calls_, [&](const auto& entry) { return entry.second == &mine; });
    pass_on();
    require_not_lost();
  }
  pass_on();
}

/// Finds somebody to read on: another waiting thread, else the poller's. Needs mutex_.
void Connection::pass_on() {
  if (reading_) return;
  if (!calls_.empty()) calls_.begin()->second->changed.notify_one();
  adjust_watch();
}

/// Takes what is there and gives it to whom it is for; false if nothing was. By whom holds
/// reading_.
bool Connection::receive() {
  const auto space = frames_.space();
  const ssize_t count = ::recv(socket_.get(), space.data(), space.size(), MSG_DONTWAIT);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) lose(std::generic_category().message(errno));
    return false;
  }
  if (count == 0) {
    lose("the connection was closed by its server");
    return false;
  }
  frames_.filled(static_cast<std::size_t>(count));
  try {
    take_frames();
  } catch (const Error& error) {
    lose(error.what());
    return false;
  }
  for (const MemberGone& event : events_) listeners_.member_gone(event);
  events_.clear();
  return true;
}

void Connection::take_frames() {
  const std::lock_guard lock(mutex_);
  unanswered_since_.reset();
  while (const auto frame = frames_.next()) {
    if (frame->kind == Kind::member_gone) {
      events_.push_back(decode_member_gone(frame->body));
      continue;
    }
    require(frame->kind == Kind::reply, Errc::internal, "it sent a frame of kind {}",
            static_cast<std::uint32_t>(frame->kind));
    const auto found = calls_.find(frame->id);
    if (found == calls_.end()) continue;  // A pong, or for a caller that gave up.
    Call& call = *found->second;
    calls_.erase(found);
    if (call.seen) call.seen(frame->body);
    call.reply = frame->body;
    call.changed.notify_one();
  }
}

void Connection::ready() {
  {
    std::unique_lock lock(mutex_);
    if (lost_) return;
    if (!reading_) {
      reading_ = true;
      lock.unlock();
      while (receive()) {
      }
      lock.lock();
      reading_ = false;
      pass_on();
    }
  }
  int error = 0;
  {
    const std::lock_guard lock(out_mutex_);
    if (blocked_) error = flush();
  }
  if (error != 0) return lose(std::generic_category().message(error));
  const std::lock_guard lock(mutex_);
  adjust_watch();
}

/// Tells the poller what its thread is to wait for now. Needs mutex_.
void Connection::adjust_watch() {
  std::uint32_t events = 0;
  if (!reading_ && calls_.empty()) events |= EPOLLIN;
  {
    const std::lock_guard lock(out_mutex_);
    if (blocked_) events |= EPOLLOUT;
  }
  if (lost_ || events == watched_for_) return;
  watched_for_ = events;
  poller_.watch_for(socket_.get(), events);
}

// Life and death.

void Connection::tick() {
  // What lies in the socket is heard first: this process may have been stopped meanwhile.
  ready();
  const auto now = Clock::now();
  bool silent = false;
  {
    const std::lock_guard lock(mutex_);
    if (lost_) return;
    silent = unanswered_since_ && now - *unanswered_since_ > liveness_;
    if (!silent && now - last_ping_ < std::min(std::chrono::milliseconds(1000), liveness_ / 4))
      return;
    last_ping_ = now;
    if (!unanswered_since_) unanswered_since_ = now;
  }
  if (silent)
    return lose(fmt::format("nothing was heard from its server for {} ms", liveness_.count()));
  send(Kind::ping, 0, encode(Request{}));
}

void Connection::lose(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (lost_) return;
    lost_ = reason;
    for (const auto& [id, call] : calls_) call->changed.notify_one();
    calls_.clear();
  }
  poller_.remove(socket_.get());
  // Wakes a thread that is in poll(), and tells the server.
  ::shutdown(socket_.get(), SHUT_RDWR);
  listeners_.store_lost(fmt::format("{} is lost: {}", name_, reason));
}

void Connection::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = "this store object was destroyed";
  }
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace symmem::store
