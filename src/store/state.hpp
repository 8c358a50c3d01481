// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/barriers.hpp"
#include "store/groups.hpp"
#include "store/joins.hpp"
#include "store/keys.hpp"

namespace symmem::store {

/// The state of one job and the execution of every command, for the in-process store and for the
/// server. Has no I/O, thread or clock: the caller passes the time and the outbox receives the
/// replies. After each call the caller runs `alarms` with the same time: a request without time
/// left fails by its alarm.
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

  /// Executes one request. An error becomes its reply, also if `ticket` is that of a request that
  /// still waits.
  void handle(Ticket ticket, const Request& request, Clock::time_point now);
  /// Drops a closed client: its requests get no reply, its memberships are lost.
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
