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
/// One of the threads that wait for a reply reads the socket and dispatches the replies of all, so
/// the round trip of a single caller needs no thread switch. While no thread waits, the poller's
/// thread reads pushes and pongs. The connection is lost, permanently, after an error, after the
/// liveness time without received data, or when a reply is overdue.
class Connection final : public Poller::Watched {
 public:
  Connection(Connected connected, Poller& poller, std::string name,
             std::chrono::milliseconds liveness);

  /// See Link::call.
  std::string call(const Request& request, const Link::OnReply& on_reply);
  Listeners& listeners() { return listeners_; }
  /// Closes it locally: the listeners are not called any more.
  void close();

  void ready() override;
  void tick() override;

 private:
  struct Call {
    std::string_view what;
    Clock::time_point limit;  // Without a reply by then the connection is lost.
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
  enum class Watch { now, later };  // When the poller's thread shall read.
  void adjust_watch(Watch when);
  void hand_over_reading(Watch when);
  /// How long after a request's deadline its reply is still awaited.
  std::chrono::milliseconds grace() const { return std::min(liveness_, kGrace); }
  std::optional<std::string> loss_reason(Clock::time_point now) const;

  const Fd socket_;
  Poller& poller_;
  const std::string name_;  // Names the store in errors.
  const std::chrono::milliseconds liveness_;
  Listeners listeners_;

  // Used only by the thread that set reading_ under mutex_, until it clears it.
  FrameReader frames_;
  std::vector<MembersGone> events_;

  mutable std::mutex mutex_;  // Guards the next group. Locked before out_mutex_, never after it.
  bool reading_ = false;
  std::map<std::uint64_t, Call*> calls_;
  std::uint64_t next_id_ = 1;
  bool notifying_loss_ = false;      // The listeners are being called; lost_ is set next.
  std::optional<std::string> lost_;  // The reason.
  std::uint32_t watched_events_;
  bool poll_scheduled_ = false;  // Poller::poll_later was called.
  // Lost if nothing was received since a ping that is older than the liveness time.
  Clock::time_point last_ping_;
  std::optional<Clock::time_point> unanswered_since_;

  std::mutex out_mutex_;  // Guards what follows.
  std::string out_;
  std::size_t sent_ = 0;  // Bytes of out_ that were sent.
  bool blocked_ = false;  // The socket's buffer is full; the poller's thread continues.
};

}  // namespace symmem::store
