// SPDX-License-Identifier: Apache-2.0
#include "group/group.hpp"

#include "base/check.hpp"

namespace symmem {

Group::Group(std::string name, const GroupInfo& info, Process process,
             std::chrono::milliseconds timeout)
    : name_(std::move(name)),
      rank_(info.rank),
      world_size_(info.world_size),
      process_(std::move(process)),
      timeout_(timeout),
      states_(static_cast<std::size_t>(info.world_size)),
      store_(info.store),
      reasons_(static_cast<std::size_t>(info.world_size)) {}

std::shared_ptr<Store> Group::store() const {
  const std::lock_guard lock(mutex_);
  require(store_ != nullptr, Errc::finished, "group \"{}\" has ended", name_);
  return store_;
}

Process Group::member(int rank) const {
  const std::lock_guard lock(mutex_);
  return membership_.members.at(static_cast<std::size_t>(rank));
}

std::string Group::describe(int rank) const {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(rank);
  if (index >= membership_.members.size()) return fmt::format("rank {}", rank);
  const Process& process = membership_.members[index];
  return fmt::format("rank {} (host {}, pid {})", rank, process.host, process.pid);
}

std::string Group::describe(const std::vector<int>& ranks) const {
  std::string text;
  for (const int rank : ranks) text += (text.empty() ? "" : ", ") + describe(rank);
  return text;
}

std::vector<Process> Group::lost() const {
  const std::lock_guard lock(mutex_);
  std::vector<Process> processes;
  for (std::size_t r = 0; r < membership_.members.size(); ++r)
    if (states_[r].load() == State::lost) processes.push_back(membership_.members[r]);
  return processes;
}

void Group::fail_gone(int rank, const char* operation) const {
  const State state = states_[static_cast<std::size_t>(rank)].load();
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    reason = reasons_[static_cast<std::size_t>(rank)];
  }
  if (state == State::finished) fail(Errc::finished, "{}: {}", operation, reason);
  fail(Errc::peer_lost, "{}: {} {} group \"{}\" ({})", operation, describe(rank),
       state == State::left ? "left" : "is lost to", name_, reason);
}

void Group::check_waitable(const std::vector<int>& ranks, const char* operation) const {
  for (const int rank : ranks) check_peer(rank, operation);
  if (!store_lost_.load()) return;
  const std::lock_guard lock(mutex_);
  fail(Errc::store_lost, "{}: the store of group \"{}\" is lost ({}); mapped memory stays valid",
       operation, name_, store_reason_);
}

void Group::add_observer(GroupObserver* observer) {
  const std::lock_guard lock(mutex_);
  observers_.insert(observer);
}

void Group::remove_observer(GroupObserver* observer) {
  const std::lock_guard lock(mutex_);
  observers_.erase(observer);
}

void Group::notify_observers() {
  const std::lock_guard lock(mutex_);
  for (GroupObserver* observer : observers_) observer->group_changed();
}

const Membership& Group::join(const Deadline& deadline) {
  if (joined()) return membership_;
  const JoinRequest request{name_, rank_, world_size_, process_};
  Membership membership = store()->join(request, shared_from_this(), deadline.remaining());
  require(membership.members.size() == static_cast<std::size_t>(world_size_), Errc::internal,
          "the store returned {} members of group \"{}\", which has {} ranks",
          membership.members.size(), name_, world_size_);
  const std::lock_guard lock(mutex_);
  membership_ = std::move(membership);
  return membership_;
}

bool Group::joined() const {
  const std::lock_guard lock(mutex_);
  return !membership_.id.empty();
}

void Group::leave_locally(const std::string& why) noexcept {
  if (fork_.forked()) return;  // The membership belongs to the parent.
  try {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      {
        const std::lock_guard lock(mutex_);
        reasons_[i] = why;
      }
      states_[i].store(State::finished);
    }
    notify_observers();
    std::shared_ptr<Store> store;
    Membership membership;
    {
      const std::lock_guard lock(mutex_);
      store = std::move(store_);
      membership = membership_;
    }
    if (store && !membership.id.empty()) store->leave(membership);
  } catch (...) {  // The store's liveness check detects this rank's departure later.
  }
}

void Group::end_collectively(const Deadline& deadline) {
  store()->end(membership_, deadline.remaining());
  const std::lock_guard lock(mutex_);
  membership_.id.clear();  // leave_locally then does not call the store.
}

void Group::member_gone(int rank, Departure how, const std::string& reason) {
  const auto index = static_cast<std::size_t>(rank);
  if (index >= states_.size()) return;
  {
    const std::lock_guard lock(mutex_);
    // A later report replaces neither the first report nor the state `finished`.
    if (states_[index].load() != State::active) return;
    reasons_[index] = reason;
    states_[index].store(how == Departure::left ? State::left : State::lost);
  }
  notify_observers();
}

void Group::store_lost(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    store_reason_ = reason;
  }
  store_lost_.store(true);
  notify_observers();
}

}  // namespace symmem
