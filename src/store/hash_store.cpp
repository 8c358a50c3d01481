// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <condition_variable>
#include <unordered_map>

#include "base/fork.hpp"
#include "base/host.hpp"
#include "base/random.hpp"
#include "store/request_store.hpp"
#include "store/state.hpp"

namespace symmem::store {
namespace {

/// A link to a State in this process. It has no thread: each waiting caller runs the alarms.
class LocalLink final : public Link, private Outbox {
 public:
  std::string call(const Request& request, const OnReply& on_reply) override {
    fork_.check();
    Call mine{on_reply, {}, {}};
    std::vector<MembersGone> events;
    {
      std::unique_lock lock(mutex_);
      const Ticket ticket{0, next_++};
      calls_.emplace(ticket.request, &mine);
      const auto now = Clock::now();
      try {
        state_.handle(ticket, request, now);
      } catch (...) {  // Out of memory: `mine` will be destroyed.
        calls_.erase(ticket.request);
        throw;
      }
      alarms_.run(now);
      while (!mine.reply) {
        // Calls the listeners before this thread waits.
        if (!events_.empty()) {
          events.swap(events_);
          lock.unlock();
          notify(events);
          lock.lock();
          continue;
        }
        mine.changed.wait_until(lock, now + request.timeout);
        alarms_.run(Clock::now());
      }
      events.swap(events_);
    }
    notify(events);
    return std::move(*mine.reply);
  }
  Listeners& listeners() override { return listeners_; }

 private:
  struct Call {
    const OnReply& on_reply;
    std::optional<std::string> reply;
    std::condition_variable changed;
  };

  void reply(Ticket ticket, std::string_view body) override {
    const auto found = calls_.find(ticket.request);
    if (found == calls_.end()) return;
    Call& call = *found->second;
    calls_.erase(found);
    if (call.on_reply) call.on_reply(body);
    call.reply = body;
    call.changed.notify_one();
  }
  void push(std::span<const ClientId>, const MembersGone& event) override {
    events_.push_back(event);
  }
  const Process& process(ClientId) override { return process_; }

  void notify(std::vector<MembersGone>& events) {
    for (const MembersGone& event : events) listeners_.members_gone(event);
    events.clear();
  }

  const ForkGuard fork_;
  Listeners listeners_;
  const Process process_{host_name(), ::getpid(), random_u64()};
  std::mutex mutex_;
  Alarms alarms_;
  // The notify interval is 0, because no thread runs a later alarm for members that are not in a
  // call.
  State state_{*this, alarms_, to_hex(random_bytes(8)), std::chrono::milliseconds(0)};
  std::unordered_map<std::uint64_t, Call*> calls_;
  std::vector<MembersGone> events_;
  std::uint64_t next_ = 0;
};

}  // namespace
}  // namespace symmem::store

namespace symmem {

std::shared_ptr<KeyValueStore> make_hash_store(std::chrono::milliseconds timeout) {
  return store::make_request_store(std::make_unique<store::LocalLink>(), timeout);
}

}  // namespace symmem
