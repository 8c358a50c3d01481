// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/group_registry.hpp"

#include <exception>

#include "base/check.hpp"
#include "group/collective.hpp"

namespace symmem {
namespace {

/// kMaxNameBytes and kMaxWorldSize are limits of the store (docs/wire.md). They are checked here,
/// so that set_group_info fails, not the first rendezvous.
constexpr std::size_t kMaxNameBytes = 8u << 10;
constexpr int kMaxWorldSize = 1 << 20;

/// Shortens a group name for an error message.
std::string shown(const std::string& name) {
  constexpr std::size_t kMax = 64;
  return name.size() <= kMax ? name : name.substr(0, kMax) + "...";
}

void check(const std::string& name, const GroupInfo& info) {
  require(!name.empty(), Errc::invalid_argument, "a group's name must not be empty");
  require(name.size() <= kMaxNameBytes, Errc::invalid_argument,
          "the group name \"{}\" has {} bytes; at most {} are allowed", shown(name), name.size(),
          kMaxNameBytes);
  require(info.store != nullptr, Errc::invalid_argument, "group \"{}\" needs a store", name);
  require(info.world_size > 0 && info.rank >= 0 && info.rank < info.world_size,
          Errc::invalid_argument, "group \"{}\": rank {} is out of range for {} ranks", name,
          info.rank, info.world_size);
  require(info.world_size <= kMaxWorldSize, Errc::invalid_argument,
          "group \"{}\": {} ranks; a group can have at most {}", name, info.world_size,
          kMaxWorldSize);
}

}  // namespace

void GroupRegistry::add(const std::string& name, const GroupInfo& info) {
  check(name, info);
  const std::lock_guard lock(mutex_);
  lifetime_.check();  // Under the lock, so that no group is added after leave().
  require(!groups_.contains(name), Errc::invalid_argument,
          "group \"{}\" exists already; end_group it first, or use another name", name);
  GroupInfo& kept = infos_.emplace_back(info);
  auto group = std::make_shared<Group>(name, info, process_, timeout_);
  groups_[name] = {&kept, std::make_shared<GroupRecord>(std::move(group))};
  has_joined_ = has_joined_ || name == kWorld;
}

void GroupRegistry::forget(const std::string& name) noexcept {
  std::shared_ptr<GroupRecord> record;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(name); found != groups_.end()) {
      record = std::move(found->second.record);
      groups_.erase(found);
      if (name == kWorld) has_joined_ = false;
    }
  }
  if (record) record->group->leave_locally("joining failed");
}

const GroupRegistry::Named& GroupRegistry::find(const std::string& name) const {
  const auto found = groups_.find(name);
  if (found != groups_.end()) return found->second;
  require(name != kWorld || has_joined_, Errc::invalid_argument,
          "this process has not joined its job, so it has no group \"{}\": call symmem::init() "
          "first, or register another group with set_group_info",
          name);
  fail(Errc::invalid_argument, "no group is named \"{}\"; register it with set_group_info first",
       shown(name));
}

std::shared_ptr<GroupRecord> GroupRegistry::record(const std::string& name) const {
  lifetime_.check();
  const std::lock_guard lock(mutex_);
  return find(name).record;
}

const GroupInfo& GroupRegistry::info(const std::string& name) const {
  lifetime_.check();
  const std::lock_guard lock(mutex_);
  return *find(name).info;
}

std::exception_ptr GroupRegistry::end(const std::string& name, Timeout timeout) {
  const std::shared_ptr<GroupRecord> ending = record(name);
  const Deadline deadline = ending->group->deadline(timeout);
  std::exception_ptr failure;
  {
    Collective collective(*ending->group, "end_group", deadline);
    try {
      collective.run([&] {
        collective.gather([&] {
          for (const auto& memory : ending->memories())
            if (auto& impl = SymmetricMemory::Impl::of(*memory); !impl.closed.load())
              impl.flush_all(deadline);
          return std::string();
        });
        ending->group->end_collectively(deadline);
      });
    } catch (...) {  // An application's Store may throw any type.
      failure = std::current_exception();
    }
    for (const auto& memory : ending->memories()) {
      SymmetricMemory::Impl::of(*memory).detach(/*ok=*/!failure);
      if (!failure) ending->remove(*memory);
    }
    if (failure) ending->connector.detach();
  }
  ending->group->leave_locally("end_group ended this group");
  {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(name);
    if (found != groups_.end() && found->second.record == ending) groups_.erase(found);
    if (failure) retired_.push_back(ending);
  }
  return failure;
}

std::vector<std::shared_ptr<GroupRecord>> GroupRegistry::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<GroupRecord>> all = retired_;
  for (const auto& [name, named] : groups_) all.push_back(named.record);
  return all;
}

std::vector<Process> GroupRegistry::lost() const {
  std::vector<Process> all;
  for (const auto& record : records()) {
    const std::vector<Process> some = record->group->lost();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void GroupRegistry::leave() noexcept {
  for (const auto& record : records()) record->group->leave_locally("the Context has ended");
}

void GroupRegistry::release() noexcept {
  for (const auto& record : records()) {
    for (const auto& memory : record->memories()) {
      auto& impl = SymmetricMemory::Impl::of(*memory);
      impl.detach(/*ok=*/false);
      impl.withdraw();
      record->remove(*memory);
    }
    // Runs before the lock below, because it may call an application's transport.
    record->connector = Connector();
  }
  const std::lock_guard lock(mutex_);
  groups_.clear();
  retired_.clear();
  for (GroupInfo& info : infos_) info.store.reset();
}

}  // namespace symmem
