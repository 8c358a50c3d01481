// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "store/alarms.hpp"
#include "store/outbox.hpp"

namespace symmem::store {

/// The barriers of one job. A barrier exists only while a caller waits in it, so its key may be
/// used again.
class Barriers {
 public:
  Barriers(Outbox& outbox, Alarms& alarms) : outbox_(outbox), alarms_(alarms) {}

  void enter(Ticket ticket, const Request& request, Clock::time_point now);
  /// Drops the waiting requests of a closed client.
  void drop(ClientId client);

 private:
  struct Barrier {
    std::uint64_t count;
    std::map<Ticket, Alarms::Alarm> waiting;
  };
  void expire(const std::string& key, Ticket ticket, std::chrono::milliseconds timeout);

  Outbox& outbox_;
  Alarms& alarms_;
  std::map<std::string, Barrier, std::less<>> barriers_;
};

}  // namespace symmem::store
