// SPDX-License-Identifier: Apache-2.0
#include "context/block_allocator.hpp"

#include <fmt/format.h>

#include <iterator>

#include "base/check.hpp"
#include "rendezvous/rendezvous.hpp"
#include "context/runtime.hpp"

namespace symmem {

BlockAllocator::BlockAllocator(const std::shared_ptr<Runtime>& runtime,
                               std::shared_ptr<BlockMaker> maker)
    : runtime_(runtime), maker_(std::move(maker)) {}

std::shared_ptr<Runtime> BlockAllocator::runtime() const {
  auto runtime = runtime_.lock();
  require(runtime != nullptr, Errc::finished, "the symmem Context of this allocator has ended");
  runtime->check();
  return runtime;
}

std::optional<BlockAllocator::Entry> BlockAllocator::lookup(const void* ptr) const {
  fork_.check();
  const auto* at = static_cast<const std::byte*>(ptr);
  const std::lock_guard lock(mutex_);
  const auto after = entries_.upper_bound(at);
  if (after == entries_.begin()) return {};
  const Entry& entry = std::prev(after)->second;
  if (at >= entry.allocation->pointer() + entry.allocation->range().bytes) return {};
  return entry;
}

BlockAllocator::Entry BlockAllocator::find(const void* ptr) const {
  if (auto entry = lookup(ptr)) return *entry;
  fail(
      Errc::invalid_argument,
      "pointer {} is not symmetric memory of type {}: allocate it with empty_strided_p2p or alloc, "
      "or give memory of your own to register_buffer",
      ptr, to_string(maker_->device_type()));
}

void* BlockAllocator::alloc(std::size_t bytes, int device_index, const std::string& group_name) {
  const auto owner = runtime();
  const auto pool = owner->record(group_name)
                        ->pool(maker_, owner->block_ids, device_index, owner->options.block_size,
                               /*for_pads=*/false);
  auto allocation = std::make_shared<Allocation>(pool, pool->take(bytes), bytes);
  std::byte* pointer = allocation->pointer();
  const std::lock_guard lock(mutex_);
  entries_[pointer] = {std::move(allocation), group_name, false};
  return pointer;
}

void BlockAllocator::free(void* ptr) {
  fork_.check();
  std::shared_ptr<Allocation> allocation;
  {
    const std::lock_guard lock(mutex_);
    const auto found = at(ptr);
    require(!found->second.owned, Errc::invalid_argument,
            "free: pointer {} belongs to a tensor of empty_strided_p2p, or to an alloc_id; it is "
            "freed with the last tensor on it, or at the end of the id's group",
            ptr);
    allocation = std::move(found->second.allocation);
    entries_.erase(found);
  }
  allocation->freed();
}

void BlockAllocator::set_owned(void* ptr, bool owned) {
  const std::lock_guard lock(mutex_);
  at(ptr)->second.owned = owned;
}

BlockAllocator::Entries::iterator BlockAllocator::at(void* ptr) {
  const auto found = entries_.find(static_cast<std::byte*>(ptr));
  require(found != entries_.end(), Errc::invalid_argument,
          "free: pointer {} is not what alloc of type {} returned, or was freed before", ptr,
          to_string(maker_->device_type()));
  return found;
}

std::size_t BlockAllocator::get_alloc_size(void* ptr) const {
  return find(ptr).allocation->bytes();
}

std::shared_ptr<SymmetricMemory> BlockAllocator::rendezvous(void* ptr,
                                                            const std::string& group_name,
                                                            Timeout timeout) {
  Group::check_timeout(timeout);  // Also where the result is there already.
  const auto owner = runtime();
  // With a group named, an unknown pointer fails inside the collective, for all ranks alike.
  const std::string group = group_name.empty() ? find(ptr).group : group_name;
  if (auto known = get_symmetric_memory(ptr, group)) return known;
  const auto record = owner->record(group);
  return meet(
      *owner, record, "rendezvous", maker_, [&] { return find(ptr).allocation; },
      record->group->deadline(timeout));
}

std::shared_ptr<SymmetricMemory> BlockAllocator::get_symmetric_memory(
    void* ptr, const std::string& group_name) const {
  const auto entry = lookup(ptr);
  if (!entry) return nullptr;
  return entry->allocation->memory(group_name.empty() ? entry->group : group_name);
}

bool BlockAllocator::is_rendezvous_completed(void* ptr) const {
  return find(ptr).allocation->rendezvoused();
}

}  // namespace symmem
