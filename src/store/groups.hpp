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

/// A member of a group.
struct Member {
  Process process;
  ClientId client = 0;
  std::optional<Departure> departure = {};
  std::string reason = {};
};

/// The complete groups of one job and their gathers. Each gather is decided once: all ranks receive
/// the same reply, the verdict. A verdict is kept until every remaining member has received it.
class Groups {
 public:
  /// Members are notified of a departure at once, but at most once per `notify_interval`.
  Groups(Outbox& outbox, Alarms& alarms, std::chrono::milliseconds notify_interval)
      : outbox_(outbox), alarms_(alarms), notify_interval_(notify_interval) {}

  /// Adds a complete group. `members` is indexed by rank.
  void form(const std::string& id, const std::string& name, std::vector<Member> members);
  /// Returns the members of the group with this name, or nullptr. A group keeps its name until it
  /// ends or its first member departs.
  const std::vector<Member>* find(std::string_view name) const;

  void gather(Ticket ticket, const Request& request, Clock::time_point now);
  void end(Ticket ticket, const Request& request, Clock::time_point now);
  void leave(Ticket ticket, const Request& request, Clock::time_point now);
  /// Marks all memberships of a closed client as lost.
  void drop(ClientId client, const std::string& reason, Clock::time_point now);

 private:
  struct Waiting {
    Ticket ticket;
    Alarms::Alarm alarm;
  };
  struct Gather {
    std::map<int, Waiting> waiting = {};  // By rank; empty after the decision.
    std::vector<std::string> values = {};
    std::size_t bytes = 0;
    std::optional<std::string> verdict = {};  // The reply to every rank.
    std::set<int> answered = {};              // Ranks that have received the verdict.
  };
  /// The group's end is a gather without a key.
  using GatherKey = std::optional<std::string>;
  struct Group {
    std::string id, name;
    std::vector<Member> members;
    std::size_t live = members.size();
    std::map<GatherKey, Gather> gathers = {};
    bool ended = false;
    /// Departed ranks of which the members have not been notified yet, by manner and reason.
    std::map<std::pair<Departure, std::string>, std::vector<int>> unnotified = {};
    Clock::time_point notified_at = Clock::time_point::min();
    Alarms::Alarm notify_alarm = {};
  };

  /// Returns a group. Throws Error unless `rank` has not departed and belongs to the ticket's
  /// client.
  Group& group_of(Ticket ticket, std::string_view id, std::uint64_t rank);
  void post(Ticket ticket, const Request& request, const GatherKey& key, std::string_view value,
            Clock::time_point now);
  void expire(const std::string& id, const GatherKey& key, int rank,
              std::chrono::milliseconds timeout);
  void complete(Group& group, const GatherKey& key, Gather& gather);
  void fail_open_gathers(Group& group);
  void decide(Group& group, Gather& gather, std::string verdict);
  void fail_for(Group& group, const GatherKey& key, Gather& gather, int rank);
  void mark_departed(Group& group, int rank, Departure how, const std::string& reason,
                     Clock::time_point now);
  void schedule_notify(Group& group, Clock::time_point now);
  void notify(Group& group);
  /// Returns whether member `rank` departed and the gather still needs it.
  static bool cannot_complete_without(const Group& group, const Gather& gather, int rank);
  void release_name(const Group& group);
  /// Drops the verdicts that all remaining members have received, and the group if the group has
  /// ended.
  void reclaim(Group& group);

  Outbox& outbox_;
  Alarms& alarms_;
  const std::chrono::milliseconds notify_interval_;
  std::map<std::string, Group, std::less<>> groups_;       // By group id.
  std::map<std::string, std::string, std::less<>> names_;  // Name to group id.
  /// The ranks of a client, by client and group id. Includes departed ranks.
  std::map<ClientId, std::map<std::string, std::vector<int>>> ranks_of_;
};

}  // namespace symmem::store
