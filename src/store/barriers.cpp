// SPDX-License-Identifier: Apache-2.0
#include "store/barriers.hpp"

#include <algorithm>
#include <vector>

#include "base/check.hpp"
#include "store/error_text.hpp"

namespace symmem::store {

void Barriers::enter(Ticket ticket, const Request& request, Clock::time_point now) {
  const std::string key(request.keys[0]);
  const std::uint64_t count = request.numbers[0];
  require(count > 0 && count <= INT32_MAX, Errc::invalid_argument,
          "barrier {} of {} callers; the count must be between 1 and {}", in_quotes(key),
          static_cast<std::int64_t>(count), INT32_MAX);
  const auto at = barriers_.try_emplace(key, Barrier{count, {}}).first;
  Barrier& barrier = at->second;
  require(barrier.count == count, Errc::invalid_argument,
          "barrier {} of {} callers; the waiting callers expect {}", in_quotes(key), count,
          barrier.count);
  const auto timeout = request.timeout;
  const auto [entered, fresh] = barrier.waiting.try_emplace(ticket);
  require(fresh, Errc::invalid_argument, "request id {} is in use", ticket.request);
  if (barrier.waiting.size() < count) {
    entered->second =
        alarms_.set(now + timeout, [this, key, ticket, timeout] { expire(key, ticket, timeout); });
    return;
  }
  for (const auto& [passing, alarm] : barrier.waiting) outbox_.reply(passing, encode_reply({}));
  barriers_.erase(at);
}

void Barriers::expire(const std::string& key, Ticket ticket, std::chrono::milliseconds timeout) {
  const auto at = barriers_.find(key);
  std::vector<std::string> present;
  for (const auto& [waiting, alarm] : at->second.waiting)
    present.push_back(name_of(outbox_.process(waiting.client)));
  outbox_.reply(
      ticket,
      encode_failure(
          Errc::timeout,
          fmt::format("barrier {} timed out after {}: {} of {} callers arrived: {}", in_quotes(key),
                      seconds(timeout), present.size(), at->second.count, enumerate(present))));
  at->second.waiting.erase(ticket);
  if (at->second.waiting.empty()) barriers_.erase(at);
}

void Barriers::drop(ClientId client) {
  for (auto at = barriers_.begin(); at != barriers_.end();) {
    std::erase_if(at->second.waiting,
                  [&](const auto& entry) { return entry.first.client == client; });
    at = at->second.waiting.empty() ? barriers_.erase(at) : std::next(at);
  }
}

}  // namespace symmem::store
