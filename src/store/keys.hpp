// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/alarms.hpp"
#include "store/outbox.hpp"

namespace symmem::store {

/// The keys of one job, and those who wait for some. Requests are validated; a request that cannot
/// be done throws and changes nothing.
class Keys {
 public:
  Keys(Outbox& outbox, Alarms& alarms) : outbox_(outbox), alarms_(alarms) {}

  void set(Ticket ticket, const Request& request);
  void add(Ticket ticket, const Request& request);
  void compare_set(Ticket ticket, const Request& request);
  /// get and wait: replied to when all keys exist.
  void await(Ticket ticket, const Request& request, Clock::time_point now);
  void check(Ticket ticket, const Request& request);
  void append(Ticket ticket, const Request& request);
  void remove(Ticket ticket, const Request& request);
  void count(Ticket ticket);
  void list(Ticket ticket, const Request& request);
  /// Forgets the waits of a client that went.
  void drop(ClientId client);

 private:
  struct Wait {
    Kind kind;
    std::vector<std::string> keys;
    std::size_t parked_at;  // The index of the one missing key that it is parked on.
    Clock::time_point since;
    Alarms::Alarm alarm;
  };
  using Waits = std::map<Ticket, Wait>;

  void store(std::string_view key, std::string_view value);
  void wake(std::string_view key);
  void settle(Waits::iterator at);
  void unpark(Waits::iterator at);
  void expire(Ticket ticket, Clock::time_point when);
  template <typename Strings>
  void answer(Ticket ticket, Kind kind, const Strings& keys);

  Outbox& outbox_;
  Alarms& alarms_;
  std::map<std::string, std::string, std::less<>> values_;
  Waits waits_;
  // Each wait is parked on one missing key; when that comes, it looks for the next missing one.
  std::map<std::string, std::vector<Ticket>, std::less<>> parked_;
};

}  // namespace symmem::store
