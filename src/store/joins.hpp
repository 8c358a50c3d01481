// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "store/alarms.hpp"
#include "store/groups.hpp"
#include "store/outbox.hpp"

namespace symmem::store {

/// The incomplete groups of one job. A join has one result for all ranks: the group, or one error,
/// which is kept for the ranks that have not called yet.
class Joins {
 public:
  /// `id_seed` is the prefix of group ids and is unique to this store.
  Joins(Outbox& outbox, Alarms& alarms, Groups& groups, std::string id_seed)
      : outbox_(outbox), alarms_(alarms), groups_(groups), id_seed_(std::move(id_seed)) {}

  void join(Ticket ticket, const Request& request, Clock::time_point now);
  /// Fails the pending joins of a closed client.
  void drop(ClientId client, const std::string& reason);

 private:
  struct Joiner {
    Ticket ticket;
    Process process;
    Alarms::Alarm alarm;
  };
  struct Forming {
    int world_size;
    std::map<int, Joiner> joiners;
  };
  struct Failed {
    std::string verdict;
    std::size_t world_size;
    std::set<int> answered;
    std::set<ClientId> participants;  // The entry is dropped when all have closed.
  };
  using AllForming = std::map<std::string, Forming, std::less<>>;

  /// Sends the verdict of a failed join to a late rank. Returns false if there is no verdict.
  bool reply_if_failed(Ticket ticket, const std::string& name, int rank);
  void require_vacant(const std::string& name, int rank, const Process& process) const;
  void expire(const std::string& name, int rank, std::chrono::milliseconds timeout);
  void form(AllForming::iterator at);
  void fail(AllForming::iterator at, Errc code, const std::string& text);

  Outbox& outbox_;
  Alarms& alarms_;
  Groups& groups_;
  const std::string id_seed_;
  std::uint64_t next_id_ = 0;
  AllForming forming_;
  std::map<std::string, Failed, std::less<>> failed_;
};

}  // namespace symmem::store
