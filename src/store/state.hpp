// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/barriers.hpp"
#include "store/groups.hpp"
#include "store/joins.hpp"
#include "store/keys.hpp"

namespace symmem::store {

/// All that the store knows of one job, and what every command means: the in-process store and the
/// server both drive this. No I/O, no thread, no clock: time is passed in, replies go to the
/// outbox. After each call run `alarms` with the same time: a request with no time left fails by
/// its alarm.
class State {
 public:
  State(Outbox& outbox, Alarms& alarms, const std::string& id_seed,
        std::chrono::milliseconds tell_every)
      : outbox_(outbox),
        keys_(outbox, alarms),
        barriers_(outbox, alarms),
        groups_(outbox, alarms, tell_every),
        joins_(outbox, alarms, groups_, id_seed) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Carries out one request; whatever is wrong with it becomes its reply. `ticket` must not be
  /// that of a request that still waits; if it is, this one is refused.
  void handle(Ticket ticket, const Request& request, Clock::time_point now);
  /// The client's connection is gone: its requests are forgotten, its memberships are lost.
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
