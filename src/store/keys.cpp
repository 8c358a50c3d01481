// SPDX-License-Identifier: Apache-2.0
#include "store/keys.hpp"

#include <algorithm>
#include <charconv>

#include "base/check.hpp"
#include "store/error_text.hpp"
#include "store/limits.hpp"

namespace symmem::store {
namespace {

std::int64_t to_number(std::string_view key, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(error == std::errc() && end == text.data() + text.size() && !text.empty(),
          Errc::invalid_argument, "add to {}: its value {} is not a 64-bit decimal number",
          in_quotes(key), in_quotes(text));
  return number;
}

}  // namespace

void Keys::store(std::string_view key, std::string_view value) {
  const auto found = values_.find(key);
  if (found != values_.end())
    found->second.assign(value);
  else
    values_.emplace(key, value);
}

void Keys::set(Ticket ticket, const Request& request) {
  for (std::size_t i = 0; i < request.keys.size(); ++i) store(request.keys[i], request.values[i]);
  outbox_.reply(ticket, encode_reply({}));
  for (const std::string_view key : request.keys) key_set(key);
}

void Keys::add(Ticket ticket, const Request& request) {
  const std::string_view key = request.keys[0];
  const auto found = values_.find(key);
  const auto amount = static_cast<std::int64_t>(request.numbers[0]);
  std::int64_t sum = 0;
  if (__builtin_add_overflow(found == values_.end() ? 0 : to_number(key, found->second), amount,
                             &sum))
    fail(Errc::invalid_argument, "add {} to {}: the sum with {} overflows 64 bits", amount,
         in_quotes(key), found->second);
  char text[24];
  store(key, {text, std::to_chars(text, text + sizeof text, sum).ptr});
  outbox_.reply(ticket, encode_reply(static_cast<std::uint64_t>(sum)));
  key_set(key);
}

void Keys::compare_set(Ticket ticket, const Request& request) {
  const std::string_view key = request.keys[0];
  const auto found = values_.find(key);
  std::string_view current = found == values_.end() ? std::string_view() : found->second;
  const bool equal = current == request.values[0];
  if (equal) current = request.values[1];
  outbox_.reply(ticket, encode_reply(std::span(&current, 1)));
  if (!equal) return;
  store(key, request.values[1]);
  key_set(key);
}

void Keys::check(Ticket ticket, const Request& request) {
  const bool all = std::all_of(request.keys.begin(), request.keys.end(), [&](std::string_view key) {
    return values_.find(key) != values_.end();
  });
  outbox_.reply(ticket, encode_reply(all ? 1 : 0));
}

void Keys::append(Ticket ticket, const Request& request) {
  const std::string_view key = request.keys[0];
  const std::string_view added = request.values[0];
  const auto found = values_.find(key);
  const std::size_t before = found == values_.end() ? 0 : found->second.size();
  require(added.size() <= kMaxValueBytes - before, Errc::invalid_argument,
          "append of {} bytes to {}, which has {} bytes; a value may have at most {}", added.size(),
          in_quotes(key), before, kMaxValueBytes);
  if (found != values_.end())
    found->second.append(added);
  else
    values_.emplace(key, added);
  outbox_.reply(ticket, encode_reply({}));
  key_set(key);
}

void Keys::remove(Ticket ticket, const Request& request) {
  const auto found = values_.find(request.keys[0]);
  const bool there = found != values_.end();
  if (there) values_.erase(found);
  outbox_.reply(ticket, encode_reply(there ? 1 : 0));
}

void Keys::count(Ticket ticket) { outbox_.reply(ticket, encode_reply(values_.size())); }

void Keys::list(Ticket ticket, const Request& request) {
  const std::string_view prefix = request.keys[0];
  std::vector<std::string_view> keys;
  for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix);
       ++at)
    keys.push_back(at->first);
  outbox_.reply(ticket, encode_reply(keys));
}

void Keys::await(Ticket ticket, const Request& request, Clock::time_point now) {
  const auto missing =
      std::find_if(request.keys.begin(), request.keys.end(),
                   [&](std::string_view key) { return values_.find(key) == values_.end(); });
  if (missing == request.keys.end()) return reply_found(ticket, request.kind, request.keys);
  const Clock::time_point when = now + request.timeout;
  const auto [at, fresh] = waits_.emplace(
      ticket, Wait{request.kind,
                   {request.keys.begin(), request.keys.end()},
                   static_cast<std::size_t>(missing - request.keys.begin()),
                   now,
                   alarms_.set(when, [this, ticket, when] { expire(ticket, when); })});
  require(fresh, Errc::invalid_argument, "request id {} is in use", ticket.request);
  parked_[at->second.keys[at->second.parked_at]].push_back(ticket);
}

template <typename Strings>
void Keys::reply_found(Ticket ticket, Kind kind, const Strings& keys) {
  std::vector<std::string_view> values;
  if (kind == Kind::get)
    for (const auto& key : keys) values.push_back(values_.find(key)->second);
  outbox_.reply(ticket, encode_reply(values));
}

void Keys::key_set(std::string_view key) {
  const auto found = parked_.find(key);
  if (found == parked_.end()) return;
  const std::vector<Ticket> woken = std::move(found->second);
  parked_.erase(found);
  for (const Ticket ticket : woken) resume_wait(waits_.find(ticket));
}

/// Replies to a wait if all its keys exist, else parks the wait under the next missing key. The
/// search is circular and starts at the last missing key, because a key that was found before may
/// have been deleted.
void Keys::resume_wait(Waits::iterator at) {
  Wait& wait = at->second;
  const std::size_t count = wait.keys.size();
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t i = (wait.parked_at + step) % count;
    if (values_.find(wait.keys[i]) != values_.end()) continue;
    wait.parked_at = i;
    parked_[wait.keys[i]].push_back(at->first);
    return;
  }
  reply_found(at->first, wait.kind, wait.keys);
  waits_.erase(at);
}

void Keys::unpark(Waits::iterator at) {
  const auto parked = parked_.find(at->second.keys[at->second.parked_at]);
  std::erase(parked->second, at->first);
  if (parked->second.empty()) parked_.erase(parked);
}

void Keys::expire(Ticket ticket, Clock::time_point when) {
  const auto at = waits_.find(ticket);
  std::vector<std::string> missing;
  for (const std::string& key : at->second.keys)
    if (values_.find(key) == values_.end()) missing.push_back(in_quotes(key));
  outbox_.reply(ticket, encode_failure(
                            Errc::timeout,
                            fmt::format("{} timed out after {}: missing: {}", name(at->second.kind),
                                        seconds(when - at->second.since), enumerate(missing))));
  unpark(at);
  waits_.erase(at);
}

void Keys::drop(ClientId client) {
  auto at = waits_.lower_bound({client, 0});
  while (at != waits_.end() && at->first.client == client) {
    unpark(at);
    at = waits_.erase(at);
  }
}

}  // namespace symmem::store
