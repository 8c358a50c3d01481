// SPDX-License-Identifier: Apache-2.0
#include "context/block_allocator.hpp"

#include "base/check.hpp"
#include "blocks/populate.hpp"

namespace symmem {

void BlockAllocator::fail_unknown(const void* ptr) const {
  require(ptr != nullptr, Errc::invalid_argument,
          "the pointer is null: the Buffer is empty or was moved from");
  fail(Errc::invalid_argument,
       "pointer {} is not symmetric memory of type {}: allocate it with Context::allocate, or pass "
       "application memory to Context::rendezvous as a span",
       ptr, to_string(type_));
}

void* BlockAllocator::alloc(std::size_t bytes, int device_index, const std::string& group_name) {
  return allocate({.bytes = bytes, .device_index = device_index, .group_name = group_name});
}

void* BlockAllocator::allocate(const AllocationRequest& request) {
  lifetime_->check();
  const auto record = groups_.record(request.group_name);
  const auto pool = record->pools.pool(maker_, ids_, request.device_index, block_size_,
                                       PoolSet::Purpose::allocations);
  const Range range = pool->take(request.bytes, request.alignment);
  try {
    if (request.populate && type_ == DeviceType::host) populate(range.pointer(), range.bytes);
    return table_.add({.pool = pool,
                       .range = range,
                       .bytes = request.bytes,
                       .group = request.group_name,
                       .name = request.name,
                       .id = request.id});
  } catch (...) {
    pool->give_back(range);
    throw;
  }
}

void BlockAllocator::free(void* ptr) {
  lifetime_->check_not_forked();
  const AllocationTable::Freed freed = table_.free(ptr);
  require(freed != AllocationTable::Freed::unknown, Errc::invalid_argument,
          "free: pointer {} was not returned by alloc for type {}, or was freed before", ptr,
          to_string(type_));
  require(
      freed != AllocationTable::Freed::owned, Errc::invalid_argument,
      "free: pointer {} belongs to a Buffer, a Tensor or an alloc_id; it is freed with its last "
      "owner, or when the group of the alloc_id ends",
      ptr);
}

void BlockAllocator::set_owned(void* ptr, bool owned) {
  static_cast<void>(table_.set_owned(ptr, owned));
}

std::size_t BlockAllocator::get_alloc_size(void* ptr) const {
  lifetime_->check_not_forked();
  const auto info = table_.info(ptr);
  if (!info) fail_unknown(ptr);
  return info->bytes;
}

std::shared_ptr<SymmetricMemory> BlockAllocator::rendezvous(void* ptr,
                                                            const std::string& group_name,
                                                            Timeout timeout) {
  Group::check_timeout(timeout);  // Also if the SymmetricMemory already exists.
  lifetime_->check();
  std::string group = group_name;
  if (group.empty()) {
    const auto info = table_.info(ptr);
    if (!info) fail_unknown(ptr);
    group = info->group;
  }
  // An unknown pointer in a named group throws inside the collective, so that all ranks fail.
  if (auto known = table_.memory(ptr, group)) return known;
  const auto find = [&] {
    AllocationUse use = table_.use(ptr, group);
    if (!use) fail_unknown(ptr);
    return use;
  };
  const auto record = groups_.record(group);
  return rendezvous_.run(record, {"rendezvous", maker_, find}, record->group->deadline(timeout));
}

std::shared_ptr<SymmetricMemory> BlockAllocator::get_symmetric_memory(
    void* ptr, const std::string& group_name) const {
  lifetime_->check_not_forked();
  return table_.memory(ptr, group_name);
}

bool BlockAllocator::is_rendezvous_completed(void* ptr) const {
  lifetime_->check_not_forked();
  const auto rendezvoused = table_.is_rendezvoused(ptr);
  if (!rendezvoused) fail_unknown(ptr);
  return *rendezvoused;
}

}  // namespace symmem
