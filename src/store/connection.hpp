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
#include "store/link.hpp"
#include "store/poller.hpp"

namespace symmem::store {

/// A client's connection to the server: requests of all threads pipelined over one socket.
///
/// Whoever waits for a reply reads the socket itself, one thread at a time, and hands others
/// theirs: a lone caller's round trip costs no switch of threads. While nobody waits, the poller's
/// thread reads (for pushes and pings). The connection is lost for good by an error, by silence, or
/// when a request is not answered soon after its deadline.
class Connection final : public Poller::Watched {
 public:
  Connection(Connected connected, Poller& poller, std::string name,
             std::chrono::milliseconds liveness);

  std::string call(const Request& request, const Link::Seen& seen);
  Listeners& listeners() { return listeners_; }
  /// Ends it from our side: the listeners hear nothing more.
  void close();

  void ready() override;
  void tick() override;

 private:
  struct Call {
    std::string_view what;
    Clock::time_point limit;  // Without a reply by then the server is lost.
    const Link::Seen& seen;
    std::optional<std::string> reply = {};
    std::condition_variable changed = {};
  };

  void send(Kind kind, std::uint64_t id, std::string_view body);
  int flush();
  void await(Call& mine);
  bool receive(int flags);
  void take_frames();
  void lose(const std::string& reason);
  void require_not_lost() const;
  enum class Listen { now, soon };
  void adjust_watch(Listen when);
  void pass_on(Listen when);
  /// How long after a request's deadline its reply may still come.
  std::chrono::milliseconds grace() const { return std::min(liveness_, kGrace); }
  std::optional<std::string> why_lost(Clock::time_point now) const;

  const Fd socket_;
  Poller& poller_;
  const std::string name_;  // Of the store, in errors.
  const std::chrono::milliseconds liveness_;
  Listeners listeners_;

  // Whoever set reading_ (under mutex_) alone uses these until it clears it.
  FrameReader frames_;
  std::vector<MembersGone> events_;

  mutable std::mutex mutex_;  // May be held when taking out_mutex_, never the other way round.
  bool reading_ = false;
  std::map<std::uint64_t, Call*> calls_;
  std::uint64_t next_id_ = 1;
  bool losing_ = false;              // The listeners are being told; lost_ follows.
  std::optional<std::string> lost_;  // Why.
  std::uint32_t watched_for_;
  bool resting_ = false;  // The poller will look soon.
  // Lost by silence: nothing was heard since a ping that is older than the liveness time.
  Clock::time_point last_ping_;
  std::optional<Clock::time_point> unanswered_since_;

  std::mutex out_mutex_;
  std::string out_;
  std::size_t sent_ = 0;  // Bytes of out_ that are.
  bool blocked_ = false;  // The socket takes no more; the poller's thread goes on.
};

}  // namespace symmem::store
