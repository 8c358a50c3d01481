// SPDX-License-Identifier: Apache-2.0
#include "store/groups.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "store/limits.hpp"
#include "store/names.hpp"

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
  require(found != groups_.end(), Errc::finished, "the group with id {} is over", in_quotes(id));
  Group& group = found->second;
  require(rank < group.members.size() && group.members[rank].client == ticket.client,
          Errc::invalid_argument, "rank {} of group {} is not this connection's", rank,
          in_quotes(group.name));
  require(!group.members[rank].gone, Errc::finished, "rank {} has left group {}", rank,
          in_quotes(group.name));
  return group;
}

void Groups::gather(Ticket ticket, const Request& request, Clock::time_point now) {
  post(ticket, request, std::string(request.keys[1]), request.values[0], now);
}

void Groups::end(Ticket ticket, const Request& request, Clock::time_point now) {
  post(ticket, request, std::nullopt, {}, now);
}

void Groups::post(Ticket ticket, const Request& request, GatherKey key, std::string_view value,
                  Clock::time_point now) {
  Group& group = group_of(ticket, request.keys[0], request.numbers[0]);
  const int rank = static_cast<int>(request.numbers[0]);
  Gather& gather = group.gathers[key];
  require(!gather.waiting.contains(rank) && !gather.told.contains(rank), Errc::invalid_argument,
          "{}: rank {} takes part for the second time; a key is used once",
          describe(key, group.name), rank);
  if (gather.verdict) {
    gather.told.insert(rank);
    outbox_.reply(ticket, *gather.verdict);
    return sweep(group);
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
      if (stopped_by(group, gather, other)) return fail_for(group, key, gather, other);
  if (gather.waiting.size() == group.members.size() || gather.bytes > kMaxFrameBytes)
    complete(group, key, gather);
}

void Groups::complete(Group& group, const GatherKey& key, Gather& gather) {
  if (gather.bytes > kMaxFrameBytes)
    return decide(group, gather,
                  encode_failure(Errc::invalid_argument,
                                 fmt::format("{}: the values of {} ranks have {} bytes; at most {} "
                                             "fit into one gather",
                                             describe(key, group.name), gather.waiting.size(),
                                             gather.bytes, kMaxFrameBytes)));
  if (!key) end_others(group);
  const std::vector<std::string_view> values(gather.values.begin(), gather.values.end());
  decide(group, gather, encode_reply(values));
}

/// The group ends: what some of its members still wait for in it will not come.
void Groups::end_others(Group& group) {
  std::vector<GatherKey> open;
  for (const auto& [key, gather] : group.gathers)
    if (key && !gather.verdict) open.push_back(key);
  for (const GatherKey& key : open)
    decide(group, group.gathers.find(key)->second,
           encode_failure(Errc::finished, fmt::format("{} failed: the group has ended",
                                                      describe(key, group.name))));
  group.ended = true;
  forget_name(group);
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

/// Fails a gather because member `rank` went, of which everyone hears first.
void Groups::fail_for(Group& group, const GatherKey& key, Gather& gather, int rank) {
  if (!group.untold.empty()) tell(group);
  const Member& member = group.members[static_cast<std::size_t>(rank)];
  decide(group, gather,
         encode_failure(Errc::peer_lost,
                        fmt::format("{} failed: {} {}: {}", describe(key, group.name),
                                    name_of(rank, member.process),
                                    *member.gone == Departure::lost ? "was lost" : "has left",
                                    member.reason)));
}

void Groups::decide(Group& group, Gather& gather, std::string verdict) {
  gather.verdict = std::move(verdict);
  for (const auto& [rank, waiting] : gather.waiting) {
    gather.told.insert(rank);
    outbox_.reply(waiting.ticket, *gather.verdict);
  }
  gather.waiting.clear();
  gather.values = {};
  sweep(group);
}

void Groups::sweep(Group& group) {
  const auto needed = [&](const Gather& gather) {
    for (std::size_t rank = 0; rank < group.members.size(); ++rank)
      if (!group.members[rank].gone && !gather.told.contains(static_cast<int>(rank))) return true;
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
  mark_gone(group, static_cast<int>(request.numbers[0]), Departure::left, "it said so", now);
}

void Groups::drop(ClientId client, const std::string& reason, Clock::time_point now) {
  const auto found = ranks_of_.find(client);
  if (found == ranks_of_.end()) return;
  const auto mine = std::move(found->second);
  ranks_of_.erase(found);
  for (const auto& [id, ranks] : mine) {
    for (const int rank : ranks) {
      const auto group = groups_.find(id);
      if (group == groups_.end()) break;  // It went with the last of its members.
      if (!group->second.members[static_cast<std::size_t>(rank)].gone)
        mark_gone(group->second, rank, Departure::lost, reason, now);
    }
  }
}

void Groups::mark_gone(Group& group, int rank, Departure how, const std::string& reason,
                       Clock::time_point now) {
  Member& gone = group.members[static_cast<std::size_t>(rank)];
  gone.gone = how;
  gone.reason = reason;
  --group.live;
  forget_name(group);
  if (group.untold.empty()) tell_soon(group, now);
  group.untold[{how, reason}].push_back(rank);
  std::vector<GatherKey> failing;
  for (const auto& [key, gather] : group.gathers)
    if (!gather.verdict && stopped_by(group, gather, rank)) failing.push_back(key);
  const std::string id = group.id;
  for (const GatherKey& key : failing) {
    const auto found = groups_.find(id);
    if (found == groups_.end()) return;
    fail_for(found->second, key, found->second.gathers.find(key)->second, rank);
  }
  const auto found = groups_.find(id);
  if (found != groups_.end()) sweep(found->second);
}

void Groups::tell_soon(Group& group, Clock::time_point now) {
  const auto when = std::max(now, group.told_at + tell_every_);
  group.telling = alarms_.set(when, [this, id = group.id, when] {
    Group& waiting = groups_.find(id)->second;
    waiting.told_at = when;
    tell(waiting);
  });
}

void Groups::tell(Group& group) {
  std::set<ClientId> clients;
  for (const Member& member : group.members)
    if (!member.gone) clients.insert(member.client);
  const std::vector<ClientId> all(clients.begin(), clients.end());
  for (const auto& [manner, ranks] : std::exchange(group.untold, {}))
    outbox_.push(all, {group.id, ranks, manner.first, manner.second});
}

bool Groups::stopped_by(const Group& group, const Gather& gather, int rank) {
  const auto& gone = group.members[static_cast<std::size_t>(rank)].gone;
  // A member that left may have done its part of a gather before; a lost one fails all.
  return gone && (*gone == Departure::lost || !gather.waiting.contains(rank));
}

void Groups::forget_name(const Group& group) {
  const auto name = names_.find(group.name);
  if (name != names_.end() && name->second == group.id) names_.erase(name);
}

}  // namespace symmem::store
