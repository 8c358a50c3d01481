// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "store/request_store.hpp"

namespace symmem::store {

void Listeners::add(const std::string& group_id, int rank,
                    std::shared_ptr<GroupListener> listener) {
  if (!listener) return;
  const std::lock_guard lock(mutex_);
  listeners_[{group_id, rank}] = std::move(listener);
}

void Listeners::remove(const std::string& group_id, int rank) {
  std::shared_ptr<GroupListener> last;  // Destroyed after the unlock, because it may lock.
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find({group_id, rank});
  if (found == listeners_.end()) return;
  last = std::move(found->second);
  listeners_.erase(found);
}

void Listeners::members_gone(const MembersGone& event) {
  std::vector<std::shared_ptr<GroupListener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = listeners_.lower_bound({event.group_id, 0});
         at != listeners_.end() && at->first.first == event.group_id; ++at)
      listeners.push_back(at->second);
  }
  for (const auto& listener : listeners)
    for (const int rank : event.ranks) listener->member_gone(rank, event.how, event.reason);
}

void Listeners::store_lost(const std::string& reason) {
  decltype(listeners_) all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(listeners_);
  }
  for (const auto& [member, listener] : all) listener->store_lost(reason);
}

namespace {

std::vector<std::string_view> views(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

Membership to_membership(const JoinRequest& request, Reply reply) {
  const std::size_t size = static_cast<std::size_t>(request.world_size);
  require(reply.values.size() == 1 + size && reply.numbers.size() == 2 * size, Errc::internal,
          "the store answered a join of {} ranks with {} hosts", size, reply.values.size());
  Membership membership{std::move(reply.values[0]), request.group, request.rank, {}};
  for (std::size_t rank = 0; rank < size; ++rank)
    membership.members.push_back({std::move(reply.values[rank + 1]),
                                  static_cast<std::int64_t>(reply.numbers[2 * rank]),
                                  reply.numbers[2 * rank + 1]});
  return membership;
}

class RequestStore final : public KeyValueStore {
 public:
  RequestStore(std::unique_ptr<Link> link, std::chrono::milliseconds timeout)
      : link_(std::move(link)), timeout_(timeout) {}

  void set(const std::string& key, const std::string& value, Timeout timeout) override {
    call({.kind = Kind::set, .keys = {key}, .values = {value}}, timeout);
  }
  std::string get(const std::string& key, Timeout timeout) override {
    return value(call({.kind = Kind::get, .keys = {key}}, timeout));
  }
  std::int64_t add(const std::string& key, std::int64_t amount, Timeout timeout) override {
    return number(
        call({.kind = Kind::add, .keys = {key}, .numbers = {static_cast<std::uint64_t>(amount)}},
             timeout));
  }
  std::string compare_set(const std::string& key, const std::string& expected,
                          const std::string& desired, Timeout timeout) override {
    return value(
        call({.kind = Kind::compare_set, .keys = {key}, .values = {expected, desired}}, timeout));
  }
  void wait(const std::vector<std::string>& keys, Timeout timeout) override {
    call({.kind = Kind::wait, .keys = views(keys)}, timeout);
  }
  bool check(const std::vector<std::string>& keys, Timeout timeout) override {
    return number(call({.kind = Kind::check, .keys = views(keys)}, timeout)) != 0;
  }
  void append(const std::string& key, const std::string& added, Timeout timeout) override {
    call({.kind = Kind::append, .keys = {key}, .values = {added}}, timeout);
  }
  bool delete_key(const std::string& key, Timeout timeout) override {
    return number(call({.kind = Kind::remove, .keys = {key}}, timeout)) != 0;
  }
  std::int64_t num_keys(Timeout timeout) override {
    return number(call({.kind = Kind::num_keys}, timeout));
  }
  std::vector<std::string> list(const std::string& prefix, Timeout timeout) override {
    return call({.kind = Kind::list, .keys = {prefix}}, timeout).values;
  }
  std::vector<std::string> multi_get(const std::vector<std::string>& keys,
                                     Timeout timeout) override {
    auto values = call({.kind = Kind::get, .keys = views(keys)}, timeout).values;
    require(values.size() == keys.size(), Errc::internal,
            "the store answered a get of {} keys with {} values", keys.size(), values.size());
    return values;
  }
  void multi_set(const std::vector<std::string>& keys, const std::vector<std::string>& values,
                 Timeout timeout) override {
    call({.kind = Kind::set, .keys = views(keys), .values = views(values)}, timeout);
  }
  void barrier(const std::string& key, int count, Timeout timeout) override {
    call({.kind = Kind::barrier, .keys = {key}, .numbers = {to_u64(count)}}, timeout);
  }

  Membership join(const JoinRequest& request, std::shared_ptr<GroupListener> listener,
                  Timeout timeout) override {
    // Adds the listener before a push that follows the reply is handled.
    const auto listen = [&](std::string_view body) {
      try {
        const Reply reply = decode_reply(body);
        if (!reply.values.empty()) link_->listeners().add(reply.values[0], request.rank, listener);
      } catch (const Error&) {  // call() throws the same error.
      }
    };
    return to_membership(request,
                         call({.kind = Kind::join,
                               .keys = {request.group},
                               .values = {request.process.host},
                               .numbers = {to_u64(request.rank), to_u64(request.world_size),
                                           to_u64(request.process.pid), request.process.id}},
                              timeout, listen));
  }
  std::vector<std::string> gather(const Membership& group, const std::string& key,
                                  const std::string& given, Timeout timeout) override {
    auto values = call({.kind = Kind::gather,
                        .keys = {group.id, key},
                        .values = {given},
                        .numbers = {to_u64(group.rank)}},
                       timeout)
                      .values;
    require(values.size() == group.members.size(), Errc::internal,
            "the store answered a gather of {} ranks with {} values", group.members.size(),
            values.size());
    return values;
  }
  void end(const Membership& group, Timeout timeout) override {
    call({.kind = Kind::end, .keys = {group.id}, .numbers = {to_u64(group.rank)}}, timeout);
    link_->listeners().remove(group.id, group.rank);
  }
  void leave(const Membership& group) override {
    link_->listeners().remove(group.id, group.rank);
    try {
      call({.kind = Kind::leave, .keys = {group.id}, .numbers = {to_u64(group.rank)}}, {});
    } catch (const Error&) {  // The store is lost or the group has ended.
    }
  }

 private:
  static std::uint64_t to_u64(std::int64_t number) { return static_cast<std::uint64_t>(number); }

  Reply call(Request request, Timeout timeout, const Link::OnReply& on_reply = {}) {
    request.timeout = Deadline::in(timeout, timeout_).timeout();
    validate(request);
    return decode_reply(link_->call(request, on_reply));
  }
  static std::string value(Reply reply) {
    require(reply.values.size() == 1, Errc::internal, "the store answered with {} values, not one",
            reply.values.size());
    return std::move(reply.values[0]);
  }
  static std::int64_t number(const Reply& reply) {
    require(reply.numbers.size() == 1, Errc::internal,
            "the store answered with {} numbers, not one", reply.numbers.size());
    return static_cast<std::int64_t>(reply.numbers[0]);
  }

  std::unique_ptr<Link> link_;
  const std::chrono::milliseconds timeout_;
};

}  // namespace

std::shared_ptr<KeyValueStore> make_request_store(std::unique_ptr<Link> link,
                                                  std::chrono::milliseconds timeout) {
  return std::make_shared<RequestStore>(std::move(link), timeout);
}

}  // namespace symmem::store
