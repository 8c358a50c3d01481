// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/alarms.hpp"
#include "store/connect.hpp"
#include "store/limits.hpp"
#include "store/poller.hpp"
#include "store/request_store.hpp"

namespace symmem::store {

/// A client's connection to the server: pipelines the requests of all threads over one socket.
///
/// One of the threads that wait for a reply reads the socket and dispatches the replies of all
/// threads, so the round trip of a single caller needs no thread switch. While no thread waits, the
/// poller's thread reads pushes and pongs. The connection becomes lost, permanently, after an
/// error, after the liveness time without received data, or when a reply is overdue.
class Connection final : public Poller::Watched {
 public:
  Connection(Connected connected, Poller& poller, std::string name,
             std::chrono::milliseconds liveness);

  /// Implements Link::call.
  std::string call(const Request& request, const Link::OnReply& on_reply);
  Listeners& listeners() { return listeners_; }
  /// Closes the connection locally, without a call of the listeners.
  void close();

  void ready() override;
  void tick() override;

 private:
  struct Call {
    std::string_view what;
    Clock::time_point limit;  // Without a reply by this time the connection is lost.
    const Link::OnReply& on_reply;
    std::optional<std::string> reply = {};
    std::condition_variable changed = {};
  };

  void send(Kind kind, std::uint64_t id, std::string_view body);
  int flush();
  void wait_for_reply(Call& mine);
  bool receive(int flags);
  void dispatch_frames();
  void mark_lost(const std::string& reason);
  void require_not_lost() const;
  enum class Watch { now, later };  // When the poller's thread starts to read.
  void adjust_watch(Watch when);
  void hand_over_reading(Watch when);
  /// Returns the time for which a reply is still awaited after the request's deadline.
  std::chrono::milliseconds grace() const { return std::min(liveness_, kGrace); }
  std::optional<std::string> loss_reason(Clock::time_point now) const;

  const Fd socket_;
  Poller& poller_;
  const std::string name_;  // The name of the store for errors.
  const std::chrono::milliseconds liveness_;
  Listeners listeners_;

  // frames_ and events_ are used only by the thread that has set reading_ under mutex_.
  FrameReader frames_;
  std::vector<MembersGone> events_;

  mutable std::mutex mutex_;  // Guards the members up to out_mutex_. Locked before out_mutex_.
  bool reading_ = false;
  std::map<std::uint64_t, Call*> calls_;
  std::uint64_t next_id_ = 1;
  bool notifying_loss_ = false;      // The listeners are being called; lost_ is set next.
  std::optional<std::string> lost_;  // The reason of the loss.
  std::uint32_t watched_events_;
  bool poll_scheduled_ = false;  // A poll by Poller::poll_later is pending.
  // last_ping_ is the time of the last ping, unanswered_since_ the time of the first ping after
  // which nothing was received.
  Clock::time_point last_ping_;
  std::optional<Clock::time_point> unanswered_since_;

  std::mutex out_mutex_;  // Guards the members below.
  std::string out_;
  std::size_t sent_ = 0;  // Bytes of out_ that were sent.
  bool blocked_ = false;  // The socket's buffer is full; the poller's thread sends.
};

}  // namespace symmem::store
