// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/alarms.hpp"
#include "store/outbox.hpp"

namespace symmem::store {

/// One who joined a group.
struct Member {
  Process process;
  ClientId client = 0;
  std::optional<Departure> gone = {};
  std::string reason = {};
};

/// The groups of one job that have formed, and their gathers. Each gather is decided once; its
/// verdict is kept until every member that has not gone has it.
class Groups {
 public:
  /// Members are told of departures at once, but once in `tell_every` at most.
  Groups(Outbox& outbox, Alarms& alarms, std::chrono::milliseconds tell_every)
      : outbox_(outbox), alarms_(alarms), tell_every_(tell_every) {}

  /// Makes a group of all its members.
  void form(const std::string& id, const std::string& name, std::vector<Member> members);
  /// The members of the group that has this name now, or nullptr. A group keeps its name until it
  /// ends or its first member goes.
  const std::vector<Member>* find(std::string_view name) const;

  void gather(Ticket ticket, const Request& request, Clock::time_point now);
  void end(Ticket ticket, const Request& request, Clock::time_point now);
  void leave(Ticket ticket, const Request& request, Clock::time_point now);
  /// Marks all memberships of a client as lost.
  void drop(ClientId client, const std::string& reason, Clock::time_point now);

 private:
  struct Waiting {
    Ticket ticket;
    Alarms::Alarm alarm;
  };
  struct Gather {
    std::map<int, Waiting> waiting = {};  // By rank, while undecided.
    std::vector<std::string> values = {};
    std::size_t bytes = 0;
    std::optional<std::string> verdict = {};  // The reply that every rank gets.
    std::set<int> told = {};
  };
  /// The group's end is a gather without a key.
  using GatherKey = std::optional<std::string>;
  struct Group {
    std::string id, name;
    std::vector<Member> members;
    std::size_t live = members.size();
    std::map<GatherKey, Gather> gathers = {};
    bool ended = false;
    /// Who went and the others were not told of yet, by how and why.
    std::map<std::pair<Departure, std::string>, std::vector<int>> untold = {};
    Clock::time_point told_at = Clock::time_point::min();
    Alarms::Alarm telling = {};
  };

  Group& group_of(Ticket ticket, std::string_view id, std::uint64_t rank);
  void post(Ticket ticket, const Request& request, GatherKey key, std::string_view value,
            Clock::time_point now);
  void expire(const std::string& id, const GatherKey& key, int rank,
              std::chrono::milliseconds timeout);
  void complete(Group& group, const GatherKey& key, Gather& gather);
  void end_others(Group& group);
  void decide(Group& group, Gather& gather, std::string verdict);
  void fail_for(Group& group, const GatherKey& key, Gather& gather, int rank);
  void mark_gone(Group& group, int rank, Departure how, const std::string& reason,
                 Clock::time_point now);
  void tell_soon(Group& group, Clock::time_point now);
  void tell(Group& group);
  /// Whether the gather cannot succeed any more because of member `rank`.
  static bool stopped_by(const Group& group, const Gather& gather, int rank);
  void forget_name(const Group& group);
  /// Drops verdicts that every live member has, and the group if none needs it any more.
  void sweep(Group& group);

  Outbox& outbox_;
  Alarms& alarms_;
  const std::chrono::milliseconds tell_every_;
  std::map<std::string, Group, std::less<>> groups_;       // By id.
  std::map<std::string, std::string, std::less<>> names_;  // From name to id.
  /// By client, then group's id: its ranks, gone ones too.
  std::map<ClientId, std::map<std::string, std::vector<int>>> ranks_of_;
};

}  // namespace symmem::store
