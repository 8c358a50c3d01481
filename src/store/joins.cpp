// SPDX-License-Identifier: Apache-2.0
#include "store/joins.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "store/error_text.hpp"
#include "store/limits.hpp"

namespace symmem::store {

void Joins::join(Ticket ticket, const Request& request, Clock::time_point now) {
  const std::string name(request.keys[0]);
  const std::uint64_t world_size = request.numbers[1];
  require(world_size >= 1 && world_size <= kMaxWorldSize, Errc::invalid_argument,
          "join of group {}: world size {} is not within 1 .. {}", in_quotes(name),
          static_cast<std::int64_t>(world_size), kMaxWorldSize);
  require(request.numbers[0] < world_size, Errc::invalid_argument,
          "join of group {}: rank {} is not within 0 .. {}", in_quotes(name),
          static_cast<std::int64_t>(request.numbers[0]), world_size - 1);
  const int rank = static_cast<int>(request.numbers[0]);
  const int size = static_cast<int>(world_size);
  const Process process{printable(std::string(request.values[0]), kMaxHostName),
                        static_cast<std::int64_t>(request.numbers[2]), request.numbers[3]};
  if (reply_if_failed(ticket, name, rank)) return;
  require_vacant(name, rank, process);

  const auto at = forming_.try_emplace(name, Forming{size, {}}).first;
  auto& joiners = at->second.joiners;
  const auto timeout = request.timeout;
  const auto claimed = joiners.find(rank);
  if (claimed != joiners.end()) {
    const std::string text =
        fmt::format("join of group {} failed: rank {} is claimed by two processes, {} and {}",
                    in_quotes(name), rank, name_of(claimed->second.process), name_of(process));
    outbox_.reply(ticket, encode_failure(Errc::invalid_argument, text));
    return fail(at, Errc::invalid_argument, text);
  }
  joiners[rank] = {ticket, process, alarms_.set(now + timeout, [this, name, rank, timeout] {
                     expire(name, rank, timeout);
                   })};
  if (size != at->second.world_size) {
    const auto& [other, first] = *std::find_if(joiners.begin(), joiners.end(),
                                               [&](auto& entry) { return entry.first != rank; });
    const int theirs = std::exchange(at->second.world_size, std::max(size, at->second.world_size));
    return fail(at, Errc::invalid_argument,
                fmt::format("join of group {} failed: {} has world size {}, {} has world size {}",
                            in_quotes(name), name_of(other, first.process), theirs,
                            name_of(rank, process), size));
  }
  if (joiners.size() == world_size) form(at);
}

bool Joins::reply_if_failed(Ticket ticket, const std::string& name, int rank) {
  const auto failed = failed_.find(name);
  if (failed == failed_.end() || !failed->second.answered.insert(rank).second) return false;
  outbox_.reply(ticket, failed->second.verdict);
  if (failed->second.answered.size() >= failed->second.world_size) failed_.erase(failed);
  return true;
}

void Joins::require_vacant(const std::string& name, int rank, const Process& process) const {
  const std::vector<Member>* members = groups_.find(name);
  if (!members) return;
  const auto index = static_cast<std::size_t>(rank);
  if (index < members->size())
    symmem::fail(Errc::invalid_argument,
                 "join of group {}: rank {} is taken by {}; {} called too late", in_quotes(name),
                 rank, name_of((*members)[index].process), name_of(process));
  symmem::fail(Errc::invalid_argument, "join of group {}: it has {} ranks, so {} cannot be rank {}",
               in_quotes(name), members->size(), name_of(process), rank);
}

void Joins::expire(const std::string& name, int rank, std::chrono::milliseconds timeout) {
  const auto at = forming_.find(name);
  const Forming& forming = at->second;
  std::vector<std::string> missing;
  for (int other = 0; other < forming.world_size; ++other)
    if (!forming.joiners.contains(other))
      missing.push_back(fmt::format("rank {} (never joined)", other));
  fail(at, Errc::timeout,
       fmt::format("join of group {} timed out: {} waited {}; missing: {}{}", in_quotes(name),
                   name_of(rank, forming.joiners.at(rank).process), seconds(timeout),
                   enumerate(missing), kIfMissing));
}

void Joins::form(AllForming::iterator at) {
  const std::string id = fmt::format("{}-{}", id_seed_, next_id_++);
  std::vector<std::string_view> values{id};
  std::vector<std::uint64_t> numbers;
  std::vector<Member> members;
  for (const auto& [rank, joiner] : at->second.joiners) {
    values.push_back(joiner.process.host);
    numbers.push_back(static_cast<std::uint64_t>(joiner.process.pid));
    numbers.push_back(joiner.process.id);
    members.push_back({joiner.process, joiner.ticket.client});
  }
  const std::string reply = encode_reply(values, numbers);
  for (const auto& [rank, joiner] : at->second.joiners) outbox_.reply(joiner.ticket, reply);
  const std::string name = at->first;
  forming_.erase(at);
  groups_.form(id, name, std::move(members));
}

void Joins::fail(AllForming::iterator at, Errc code, const std::string& text) {
  Failed failed{
      encode_failure(code, text), static_cast<std::size_t>(at->second.world_size), {}, {}};
  for (const auto& [rank, joiner] : at->second.joiners) {
    outbox_.reply(joiner.ticket, failed.verdict);
    failed.answered.insert(rank);
    failed.participants.insert(joiner.ticket.client);
  }
  if (failed.answered.size() < failed.world_size)
    failed_.insert_or_assign(at->first, std::move(failed));
  else
    failed_.erase(at->first);
  forming_.erase(at);
}

void Joins::drop(ClientId client, const std::string& reason) {
  for (auto next = forming_.begin(); next != forming_.end();) {
    const auto at = next++;
    for (const auto& [rank, joiner] : at->second.joiners) {
      if (joiner.ticket.client != client) continue;
      fail(at, Errc::peer_lost,
           fmt::format("join of group {} failed: {} was lost: {}", in_quotes(at->first),
                       name_of(rank, joiner.process), reason));
      break;
    }
  }
  for (auto at = failed_.begin(); at != failed_.end();) {
    at->second.participants.erase(client);
    at = at->second.participants.empty() ? failed_.erase(at) : std::next(at);
  }
}

}  // namespace symmem::store
