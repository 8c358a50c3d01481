// SPDX-License-Identifier: Apache-2.0
#include "store/groups.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "store/error_text.hpp"
#include "store/limits.hpp"

namespace symmem::store {
namespace {

std::string describe(const std::optional<std::string>& key, const std::string& group) {
  return key ? fmt::format("gather {} of group {}", in_quotes(*key), in_quotes(group))
             : fmt::format("end of group {}", in_quotes(group));
}

}  // namespace

void Groups::form(const std::string& id, const std::string& name, std::vector<Member> members) {
  for (int rank = 0; rank < static_cast<int>(members.size()); ++rank)
    ranks_of_[members[static_cast<std::size_t>(rank)].client][id].push_back(rank);
  names_[name] = id;
  groups_.emplace(id, Group{id, name, std::move(members)});
}

const std::vector<Member>* Groups::find(std::string_view name) const {
  const auto id = names_.find(name);
  return id == names_.end() ? nullptr : &groups_.find(id->second)->second.members;
}

Groups::Group& Groups::group_of(Ticket ticket, std::string_view id, std::uint64_t rank) {
  const auto found = groups_.find(id);
  require(found != groups_.end(), Errc::finished, "the group with id {} has ended", in_quotes(id));
  Group& group = found->second;
  require(rank < group.members.size() && group.members[rank].client == ticket.client,
          Errc::invalid_argument, "rank {} of group {} does not belong to this connection", rank,
          in_quotes(group.name));
  require(!group.members[rank].departure, Errc::finished, "rank {} has left group {}", rank,
          in_quotes(group.name));
  return group;
}

void Groups::gather(Ticket ticket, const Request& request, Clock::time_point now) {
  post(ticket, request, std::string(request.keys[1]), request.values[0], now);
}

void Groups::end(Ticket ticket, const Request& request, Clock::time_point now) {
  post(ticket, request, std::nullopt, {}, now);
}

void Groups::post(Ticket ticket, const Request& request, const GatherKey& key,
                  std::string_view value, Clock::time_point now) {
  Group& group = group_of(ticket, request.keys[0], request.numbers[0]);
  const int rank = static_cast<int>(request.numbers[0]);
  Gather& gather = group.gathers[key];
  require(!gather.waiting.contains(rank) && !gather.answered.contains(rank), Errc::invalid_argument,
          "{}: rank {} called twice; each key may be used only once", describe(key, group.name),
          rank);
  if (gather.verdict) {
    gather.answered.insert(rank);
    outbox_.reply(ticket, *gather.verdict);
    return reclaim(group);
  }
  const auto timeout = request.timeout;
  gather.waiting[rank] = {ticket,
                          alarms_.set(now + timeout, [this, id = group.id, key, rank, timeout] {
                            expire(id, key, rank, timeout);
                          })};
  gather.values.resize(group.members.size());
  gather.values[static_cast<std::size_t>(rank)] = value;
  gather.bytes += value.size();
  if (group.live < group.members.size())
    for (int other = 0; other < static_cast<int>(group.members.size()); ++other)
      if (cannot_complete_without(group, gather, other)) return fail_for(group, key, gather, other);
  if (gather.waiting.size() == group.members.size() || gather.bytes > kMaxFrameBytes)
    complete(group, key, gather);
}

void Groups::complete(Group& group, const GatherKey& key, Gather& gather) {
  if (gather.bytes > kMaxFrameBytes)
    return decide(
        group, gather,
        encode_failure(Errc::invalid_argument,
                       fmt::format("{}: the values of {} ranks have {} bytes; the limit is "
                                   "{}",
                                   describe(key, group.name), gather.waiting.size(), gather.bytes,
                                   kMaxFrameBytes)));
  if (!key) fail_open_gathers(group);
  const std::vector<std::string_view> values(gather.values.begin(), gather.values.end());
  decide(group, gather, encode_reply(values));
}

/// Fails the undecided gathers of a group that ends, and releases the group's name.
void Groups::fail_open_gathers(Group& group) {
  std::vector<GatherKey> open;
  for (const auto& [key, gather] : group.gathers)
    if (key && !gather.verdict) open.push_back(key);
  for (const GatherKey& key : open)
    decide(group, group.gathers.find(key)->second,
           encode_failure(Errc::finished, fmt::format("{} failed: the group has ended",
                                                      describe(key, group.name))));
  group.ended = true;
  release_name(group);
}

void Groups::expire(const std::string& id, const GatherKey& key, int rank,
                    std::chrono::milliseconds timeout) {
  Group& group = groups_.find(id)->second;
  Gather& gather = group.gathers.find(key)->second;
  std::vector<std::string> missing;
  for (int other = 0; other < static_cast<int>(group.members.size()); ++other)
    if (!gather.waiting.contains(other))
      missing.push_back(name_of(other, group.members[static_cast<std::size_t>(other)].process));
  decide(
      group, gather,
      encode_failure(Errc::timeout, fmt::format("{} timed out: rank {} waited {}; missing: {}{}",
                                                describe(key, group.name), rank, seconds(timeout),
                                                enumerate(missing), kIfMissing)));
}

/// Fails a gather because member `rank` departed. Notifies the members of all departures first.
void Groups::fail_for(Group& group, const GatherKey& key, Gather& gather, int rank) {
  if (!group.unnotified.empty()) notify(group);
  const Member& member = group.members[static_cast<std::size_t>(rank)];
  decide(group, gather,
         encode_failure(Errc::peer_lost,
                        fmt::format("{} failed: {} {}: {}", describe(key, group.name),
                                    name_of(rank, member.process),
                                    *member.departure == Departure::lost ? "was lost" : "has left",
                                    member.reason)));
}

void Groups::decide(Group& group, Gather& gather, std::string verdict) {
  gather.verdict = std::move(verdict);
  for (const auto& [rank, waiting] : gather.waiting) {
    gather.answered.insert(rank);
    outbox_.reply(waiting.ticket, *gather.verdict);
  }
  gather.waiting.clear();
  gather.values = {};
  reclaim(group);
}

void Groups::reclaim(Group& group) {
  const auto needed = [&](const Gather& gather) {
    for (std::size_t rank = 0; rank < group.members.size(); ++rank)
      if (!group.members[rank].departure && !gather.answered.contains(static_cast<int>(rank)))
        return true;
    return false;
  };
  std::erase_if(group.gathers,
                [&](const auto& entry) { return entry.second.verdict && !needed(entry.second); });
  if (group.live > 0 && !group.ended) return;
  for (const Member& member : group.members) {
    const auto ranks = ranks_of_.find(member.client);
    if (ranks == ranks_of_.end()) continue;
    ranks->second.erase(group.id);
    if (ranks->second.empty()) ranks_of_.erase(ranks);
  }
  groups_.erase(groups_.find(group.id));
}

void Groups::leave(Ticket ticket, const Request& request, Clock::time_point now) {
  Group& group = group_of(ticket, request.keys[0], request.numbers[0]);
  outbox_.reply(ticket, encode_reply({}));
  mark_departed(group, static_cast<int>(request.numbers[0]), Departure::left, "it called leave",
                now);
}

void Groups::drop(ClientId client, const std::string& reason, Clock::time_point now) {
  const auto found = ranks_of_.find(client);
  if (found == ranks_of_.end()) return;
  const auto mine = std::move(found->second);
  ranks_of_.erase(found);
  for (const auto& [id, ranks] : mine) {
    for (const int rank : ranks) {
      const auto group = groups_.find(id);
      if (group == groups_.end()) break;  // The group ended with its last member.
      if (!group->second.members[static_cast<std::size_t>(rank)].departure)
        mark_departed(group->second, rank, Departure::lost, reason, now);
    }
  }
}

void Groups::mark_departed(Group& group, int rank, Departure how, const std::string& reason,
                           Clock::time_point now) {
  Member& member = group.members[static_cast<std::size_t>(rank)];
  member.departure = how;
  member.reason = reason;
  --group.live;
  release_name(group);
  if (group.unnotified.empty()) schedule_notify(group, now);
  group.unnotified[{how, reason}].push_back(rank);
  std::vector<GatherKey> failing;
  for (const auto& [key, gather] : group.gathers)
    if (!gather.verdict && cannot_complete_without(group, gather, rank)) failing.push_back(key);
  const std::string id = group.id;
  for (const GatherKey& key : failing) {
    const auto found = groups_.find(id);
    if (found == groups_.end()) return;
    fail_for(found->second, key, found->second.gathers.find(key)->second, rank);
  }
  const auto found = groups_.find(id);
  if (found != groups_.end()) reclaim(found->second);
}

void Groups::schedule_notify(Group& group, Clock::time_point now) {
  const auto when = std::max(now, group.notified_at + notify_interval_);
  group.notify_alarm = alarms_.set(when, [this, id = group.id, when] {
    Group& waiting = groups_.find(id)->second;
    waiting.notified_at = when;
    notify(waiting);
  });
}

void Groups::notify(Group& group) {
  std::set<ClientId> clients;
  for (const Member& member : group.members)
    if (!member.departure) clients.insert(member.client);
  const std::vector<ClientId> all(clients.begin(), clients.end());
  for (const auto& [manner, ranks] : std::exchange(group.unnotified, {}))
    outbox_.push(all, {group.id, ranks, manner.first, manner.second});
}

bool Groups::cannot_complete_without(const Group& group, const Gather& gather, int rank) {
  const auto& departure = group.members[static_cast<std::size_t>(rank)].departure;
  // A member may post its value and then leave; a lost member fails every gather.
  return departure && (*departure == Departure::lost || !gather.waiting.contains(rank));
}

void Groups::release_name(const Group& group) {
  const auto name = names_.find(group.name);
  if (name != names_.end() && name->second == group.id) names_.erase(name);
}

}  // namespace symmem::store
