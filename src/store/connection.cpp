// SPDX-License-Identifier: Apache-2.0
#include "store/connection.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

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
      watched_events_(EPOLLIN),
      last_ping_(Clock::now()) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) & ~O_NONBLOCK);
}

std::string Connection::call(const Request& request, const Link::OnReply& on_reply) {
  const std::string body = encode(request);
  require(body.size() <= kMaxFrameBytes, Errc::invalid_argument,
          "{} with {} bytes in total; at most {} fit into one request", store::name(request.kind),
          body.size(), kMaxFrameBytes);
  Call mine{store::name(request.kind), Clock::now() + request.timeout + grace(), on_reply};
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    require_not_lost();
    id = next_id_++;
    calls_.emplace(id, &mine);
    adjust_watch(Watch::later);
  }
  send(request.kind, id, body);
  wait_for_reply(mine);
  return std::move(*mine.reply);
}

void Connection::require_not_lost() const {
  if (lost_) fail(Errc::store_lost, "{} is lost: {}", name_, *lost_);
}

// Sending. A thread that enqueues a frame sends the queue, unless the socket's buffer is full; then
// the poller's thread sends the frames of all threads. No thread waits for a slow socket.

void Connection::send(Kind kind, std::uint64_t id, std::string_view body) {
  int error = 0;
  try {
    const std::lock_guard lock(out_mutex_);
    append_frame(out_, kind, id, body);
    if (blocked_) return;
    error = flush();
    if (error == 0 && !blocked_) return;
  } catch (const std::exception& e) {
    // Out of memory: ends the waits of all callers.
    return mark_lost(e.what());
  }
  if (error != 0) return mark_lost(std::generic_category().message(error));
  const std::lock_guard lock(mutex_);
  adjust_watch(Watch::later);
}

/// Sends until the queue is empty or the socket's buffer is full. Returns 0, or the errno value of
/// a failure. The caller must hold out_mutex_.
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

void Connection::wait_for_reply(Call& mine) {
  std::unique_lock lock(mutex_);
  while (!mine.reply && !lost_) {
    if (reading_) {
      mine.changed.wait(lock);
      continue;
    }
    reading_ = true;
    lock.unlock();
    // Returns when data arrives or the connection ends; tick() guarantees one of the two.
    receive(0);
    lock.lock();
    reading_ = false;
  }
  hand_over_reading(Watch::later);
  if (!mine.reply) require_not_lost();
}

/// Wakes another waiting thread to read. If no thread waits, the poller's thread reads. The caller
/// must hold mutex_.
void Connection::hand_over_reading(Watch when) {
  if (reading_) return;
  if (!calls_.empty()) calls_.begin()->second->changed.notify_one();
  adjust_watch(when);
}

/// Receives once and dispatches the complete frames. Returns whether more data may be available.
/// The caller must have set reading_.
bool Connection::receive(int flags) try {
  const auto space = frames_.space();
  const ssize_t count = ::recv(socket_.get(), space.data(), space.size(), flags);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) mark_lost(std::generic_category().message(errno));
    return false;
  }
  if (count == 0) {
    mark_lost("the server closed the connection");
    return false;
  }
  frames_.filled(static_cast<std::size_t>(count));
  dispatch_frames();
  for (const MembersGone& event : events_) listeners_.members_gone(event);
  events_.clear();
  return static_cast<std::size_t>(count) == space.size();
} catch (const std::exception& e) {
  // The frame boundaries in the rest of the stream are unknown, or memory is exhausted.
  mark_lost(e.what());
  return false;
}

void Connection::dispatch_frames() {
  const std::lock_guard lock(mutex_);
  unanswered_since_.reset();
  while (const auto frame = frames_.next()) {
    if (frame->kind == Kind::members_gone) {
      events_.push_back(decode_members_gone(frame->body));
      continue;
    }
    require(frame->kind == Kind::reply, Errc::internal, "the server sent a frame of kind {}",
            static_cast<std::uint32_t>(frame->kind));
    const auto found = calls_.find(frame->id);
    if (found == calls_.end()) continue;  // The frame is a pong.
    Call& call = *found->second;
    calls_.erase(found);
    if (call.on_reply) call.on_reply(frame->body);
    call.reply = frame->body;
    call.changed.notify_one();
  }
}

void Connection::ready() {
  {
    std::unique_lock lock(mutex_);
    poll_scheduled_ = false;
    if (lost_) return;
    if (!reading_) {
      reading_ = true;
      lock.unlock();
      while (receive(MSG_DONTWAIT)) {
      }
      lock.lock();
      reading_ = false;
      hand_over_reading(Watch::now);
    }
  }
  int error = 0;
  {
    const std::lock_guard lock(out_mutex_);
    if (blocked_) error = flush();
  }
  if (error != 0) return mark_lost(std::generic_category().message(error));
  const std::lock_guard lock(mutex_);
  adjust_watch(Watch::now);
}

/// Updates the events that the poller watches. With Watch::later, schedules a poll instead of
/// watching for input at once; this saves two system calls if another request follows soon. The
/// caller must hold mutex_.
void Connection::adjust_watch(Watch when) {
  if (lost_) return;
  std::uint32_t events = 0;
  if (!reading_ && calls_.empty()) {
    if (when == Watch::now || (watched_events_ & EPOLLIN) != 0)
      events |= EPOLLIN;
    else if (!std::exchange(poll_scheduled_, true))
      poller_.poll_later(socket_.get());
  }
  {
    const std::lock_guard lock(out_mutex_);
    if (blocked_) events |= EPOLLOUT;
  }
  if (events == watched_events_) return;
  watched_events_ = events;
  poller_.watch_for(socket_.get(), events);
}

// Liveness.

std::optional<std::string> Connection::loss_reason(Clock::time_point now) const {
  if (unanswered_since_ && now - *unanswered_since_ > liveness_)
    return fmt::format("nothing was received from the server for {} ms", liveness_.count());
  for (const auto& [id, call] : calls_)
    if (now >= call->limit)
      return fmt::format("the server did not answer {} within {} ms after its deadline", call->what,
                         grace().count());
  return std::nullopt;
}

void Connection::tick() {
  // Receives pending data first, because this process may have been stopped for a while.
  ready();
  const auto now = Clock::now();
  std::optional<std::string> reason;
  {
    const std::lock_guard lock(mutex_);
    if (lost_) return;
    reason = loss_reason(now);
    if (!reason && now - last_ping_ < std::min(std::chrono::milliseconds(1000), liveness_ / 4))
      return;
    last_ping_ = now;
    if (!unanswered_since_) unanswered_since_ = now;
  }
  if (reason) return mark_lost(*reason);
  send(Kind::ping, 0, encode(Request{}));
}

void Connection::mark_lost(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (lost_ || std::exchange(notifying_loss_, true)) return;
  }
  // Notifies the groups of the reason before the callers receive Error(store_lost).
  listeners_.store_lost(fmt::format("{} is lost: {}", name_, reason));
  {
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = reason;
    for (const auto& [id, call] : calls_) call->changed.notify_one();
    calls_.clear();
  }
  poller_.remove(socket_.get());
  // Wakes a thread in recv() and notifies the server.
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void Connection::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = "this store object was destroyed";
  }
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace symmem::store
