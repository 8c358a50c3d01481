// SPDX-License-Identifier: Apache-2.0
#include "store/groups.hpp"

#include <algorithm>

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
  for (const Member& member : members) ids_of_[member.client].insert(id);
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

/// Fails a gather because member `rank` went.
void Groups::fail_for(Group& group, const GatherKey& key, Gather& gather, int rank) {
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
    const auto ids = ids_of_.find(member.client);
    if (ids == ids_of_.end()) continue;
    ids->second.erase(group.id);
    if (ids->second.empty()) ids_of_.erase(ids);
  }
  groups_.erase(groups_.find(group.id));
}

void Groups::leave(Ticket ticket, const Request& request) {
  Group& group = group_of(ticket, request.keys[0], request.numbers[0]);
  outbox_.reply(ticket, encode_reply({}));
  mark_gone(group, static_cast<int>(request.numbers[0]), Departure::left, "it said so");
}

void Groups::drop(ClientId client, const std::string& reason) {
  const auto ids = ids_of_.find(client);
  if (ids == ids_of_.end()) return;
  const std::set<std::string> mine = std::move(ids->second);
  ids_of_.erase(ids);
  for (const std::string& id : mine) {
    // A client may hold several ranks; the group goes with the last of them.
    const std::size_t size = groups_.find(id)->second.members.size();
    for (std::size_t rank = 0; rank < size; ++rank) {
      const auto group = groups_.find(id);
      if (group == groups_.end()) break;
      const Member& member = group->second.members[rank];
      if (member.client == client && !member.gone)
        mark_gone(group->second, static_cast<int>(rank), Departure::lost, reason);
    }
  }
}

void Groups::mark_gone(Group& group, int rank, Departure how, const std::string& reason) {
  Member& gone = group.members[static_cast<std::size_t>(rank)];
  gone.gone = how;
  gone.reason = reason;
  --group.live;
  forget_name(group);
  for (int other = 0; other < static_cast<int>(group.members.size()); ++other) {
    const Member& member = group.members[static_cast<std::size_t>(other)];
    if (!member.gone) outbox_.push(member.client, {group.id, other, rank, how, reason});
  }
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
