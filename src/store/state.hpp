// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/barriers.hpp"
#include "store/groups.hpp"
#include "store/joins.hpp"
#include "store/keys.hpp"

namespace symmem::store {

/// The state of one job. Executes all commands, for the in-process store and for the server. Has no
/// I/O, thread or clock: the caller passes the time and the outbox receives the replies. After each
/// call the caller must run `alarms` with the same time, because a request with a zero timeout
/// fails through its alarm.
class State {
 public:
  State(Outbox& outbox, Alarms& alarms, const std::string& id_seed,
        std::chrono::milliseconds notify_interval)
      : outbox_(outbox),
        keys_(outbox, alarms),
        barriers_(outbox, alarms),
        groups_(outbox, alarms, notify_interval),
        joins_(outbox, alarms, groups_, id_seed) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Executes one request. Sends an error as the reply to `ticket`, even if an earlier request with
  /// the same ticket is still pending.
  void handle(Ticket ticket, const Request& request, Clock::time_point now);
  /// Removes a closed client: its requests receive no reply, and its memberships are lost.
  void drop(ClientId client, const std::string& reason, Clock::time_point now);

 private:
  void dispatch(Ticket ticket, const Request& request, Clock::time_point now);

  Outbox& outbox_;
  Keys keys_;
  Barriers barriers_;
  Groups groups_;
  Joins joins_;
};

}  // namespace symmem::store
