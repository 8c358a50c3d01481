// SPDX-License-Identifier: Apache-2.0
#include "allocation/allocation_table.hpp"

#include <iterator>
#include <vector>

#include "base/check.hpp"

namespace symmem {

void ReturnRange::operator()(const Allocation* allocation) const noexcept {
  try {
    if (allocation->pool) allocation->pool->give_back(allocation->range);
  } catch (...) {  // Out of memory: the range is not reused.
  }
  delete allocation;
}

void AllocationUse::set_memory(const std::shared_ptr<SymmetricMemory>& memory) {
  const std::lock_guard lock(table_->mutex_);
  table_->entries_.at(allocation_).uses[group_] = memory;
}

void AllocationUse::release(bool reusable) noexcept {
  const Allocation* const allocation = std::exchange(allocation_, nullptr);
  if (allocation == nullptr) return;
  OwnedAllocation done;  // Destroyed after the unlock.
  const std::lock_guard lock(table_->mutex_);
  const auto entry = table_->entries_.find(allocation);
  if (entry == table_->entries_.end()) return;
  entry->second.uses.erase(group_);
  entry->second.quarantined = entry->second.quarantined || !reusable;
  done = table_->remove_if_done(entry);
}

void* AllocationTable::add(Allocation allocation) {
  auto owned = OwnedAllocation(new Allocation(std::move(allocation)));
  const Allocation* const key = owned.get();
  const std::lock_guard lock(mutex_);
  live_[key->pointer()] = key;
  entries_[key].allocation = std::move(owned);
  return key->pointer();
}

AllocationUse AllocationTable::add_for(Allocation allocation, const std::string& group) {
  auto owned = OwnedAllocation(new Allocation(std::move(allocation)));
  const Allocation* const key = owned.get();
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  entry.allocation = std::move(owned);
  entry.freed = true;
  entry.uses[group] = {};
  return {*this, *key, group};
}

AllocationUse AllocationTable::use(const void* ptr, const std::string& group) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find(ptr);
  if (entry == nullptr) return {};
  require(entry->uses.try_emplace(group).second, Errc::invalid_argument,
          "group \"{}\" has a rendezvous on this allocation already, made by another thread",
          group);
  return {*this, *entry->allocation, group};
}

std::optional<AllocationTable::Info> AllocationTable::info(const void* ptr) const {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find(ptr);
  if (entry == nullptr) return {};
  return Info{entry->allocation->bytes, entry->allocation->group};
}

std::shared_ptr<SymmetricMemory> AllocationTable::memory(const void* ptr,
                                                         const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find(ptr);
  if (entry == nullptr) return nullptr;
  const auto found = entry->uses.find(group.empty() ? entry->allocation->group : group);
  return found == entry->uses.end() ? nullptr : found->second.lock();
}

std::optional<bool> AllocationTable::is_rendezvoused(const void* ptr) const {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find(ptr);
  if (entry == nullptr) return {};
  for (const auto& [group, memory] : entry->uses)
    if (!memory.expired()) return true;
  return false;
}

AllocationTable::Freed AllocationTable::free(const void* ptr) {
  OwnedAllocation done;  // Destroyed after the unlock.
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_begin(ptr);
  if (entry == nullptr) return Freed::unknown;
  if (entry->owned) return Freed::owned;
  entry->freed = true;
  live_.erase(static_cast<const std::byte*>(ptr));
  done = remove_if_done(entries_.find(entry->allocation.get()));
  return Freed::yes;
}

bool AllocationTable::set_owned(const void* ptr, bool owned) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_begin(ptr);
  if (entry != nullptr) entry->owned = owned;
  return entry != nullptr;
}

void AllocationTable::release_quarantined() {
  std::vector<OwnedAllocation> done;  // Destroyed after the unlock.
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    entry->second.quarantined = false;
    if (auto allocation = remove_if_done(entry)) done.push_back(std::move(allocation));
    entry = next;
  }
}

AllocationTable::Entry* AllocationTable::find(const void* ptr) const {
  const auto* const at = static_cast<const std::byte*>(ptr);
  const auto after = live_.upper_bound(at);
  if (after == live_.begin()) return nullptr;
  const Allocation* const allocation = std::prev(after)->second;
  if (at >= allocation->pointer() + allocation->range.bytes) return nullptr;
  return &entries_.at(allocation);
}

AllocationTable::Entry* AllocationTable::find_begin(const void* ptr) const {
  const auto found = live_.find(static_cast<const std::byte*>(ptr));
  return found == live_.end() ? nullptr : &entries_.at(found->second);
}

OwnedAllocation AllocationTable::remove_if_done(Entries::iterator entry) {
  Entry& state = entry->second;
  if (!state.freed || !state.uses.empty() || state.quarantined) return nullptr;
  auto allocation = std::move(state.allocation);
  entries_.erase(entry);
  return allocation;
}

}  // namespace symmem
