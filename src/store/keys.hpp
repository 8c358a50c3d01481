// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/alarms.hpp"
#include "store/outbox.hpp"

namespace symmem::store {

/// The keys of one job and the requests that wait for keys. The caller must validate requests. A
/// request that fails throws and changes nothing.
class Keys {
 public:
  Keys(Outbox& outbox, Alarms& alarms) : outbox_(outbox), alarms_(alarms) {}

  void set(Ticket ticket, const Request& request);
  void add(Ticket ticket, const Request& request);
  void compare_set(Ticket ticket, const Request& request);
  /// Handles get and wait: replies when all keys exist.
  void await(Ticket ticket, const Request& request, Clock::time_point now);
  void check(Ticket ticket, const Request& request);
  void append(Ticket ticket, const Request& request);
  void remove(Ticket ticket, const Request& request);
  void count(Ticket ticket);
  void list(Ticket ticket, const Request& request);
  /// Drops the waiting requests of a closed client.
  void drop(ClientId client);

 private:
  struct Wait {
    Kind kind;
    std::vector<std::string> keys;
    std::size_t parked_at;  // Index of the missing key under which parked_ lists the wait.
    Clock::time_point since;
    Alarms::Alarm alarm;
  };
  using Waits = std::map<Ticket, Wait>;

  void store(std::string_view key, std::string_view value);
  void key_set(std::string_view key);
  void resume_wait(Waits::iterator at);
  void unpark(Waits::iterator at);
  void expire(Ticket ticket, Clock::time_point when);
  template <typename Strings>
  void reply_found(Ticket ticket, Kind kind, const Strings& keys);

  Outbox& outbox_;
  Alarms& alarms_;
  std::map<std::string, std::string, std::less<>> values_;
  Waits waits_;
  // The waits to resume when a key is set, by key. Each wait is listed under one missing key.
  std::map<std::string, std::vector<Ticket>, std::less<>> parked_;
};

}  // namespace symmem::store
