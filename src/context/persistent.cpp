// SPDX-License-Identifier: Apache-2.0
#include "context/persistent.hpp"

#include <vector>

#include "base/check.hpp"
#include "context/block_allocator.hpp"

namespace symmem {

OwnedMemory::OwnedMemory(std::shared_ptr<SymmetricMemoryAllocator> allocator, void* pointer)
    : allocator_(std::move(allocator)),
      ours_(dynamic_cast<BlockAllocator*>(allocator_.get())),
      pointer_(pointer) {
  if (ours_ != nullptr) ours_->set_owned(pointer_, true);
}

OwnedMemory::~OwnedMemory() {
  if (fork_.forked()) return;  // It is the parent's, and so may be the allocator's lock.
  try {
    if (ours_ != nullptr) ours_->set_owned(pointer_, false);
    allocator_->free(pointer_);
  } catch (...) {  // A destructor: an allocator of the application's own may throw anything.
  }
}

Persistent::Storage Persistent::take(const Request& request,
                                     const std::shared_ptr<SymmetricMemoryAllocator>& allocator) {
  const std::lock_guard lock(mutex_);
  auto [found, is_new] = entries_.try_emplace(request.alloc_id);
  Entry& entry = found->second;
  if (is_new) try {
      void* pointer = allocator->alloc(request.bytes, request.device.index, request.group);
      entry.request = request;
      entry.memory = std::make_shared<OwnedMemory>(allocator, pointer);
    } catch (...) {
      entries_.erase(found);
      throw;
    }
  require(entry.active.expired(), Errc::invalid_argument,
          "empty_strided_p2p: alloc_id {}: a previous allocation with the same alloc_id is still "
          "active: drop every tensor on it first",
          request.alloc_id);
  const auto same = [&](const char* what, const auto& before, const auto& now) {
    require(before == now, Errc::invalid_argument,
            "empty_strided_p2p: alloc_id {} was allocated with {} {}, and is now asked for with {}",
            request.alloc_id, what, before, now);
  };
  same("bytes", entry.request.bytes, request.bytes);
  same("device", to_string(entry.request.device), to_string(request.device));
  same("group", entry.request.group, request.group);
  // A share of its own for each hand-out: it tells when the tensors are gone, the memory stays.
  auto share = std::make_shared<std::shared_ptr<OwnedMemory>>(entry.memory);
  entry.active = share;
  return {std::move(share), entry.memory->pointer()};
}

std::optional<std::uint64_t> Persistent::id_of(const void* pointer) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, entry] : entries_)
    if (entry.memory->pointer() == pointer) return id;
  return {};
}

void Persistent::forget_group(const std::string& group) {
  std::vector<std::shared_ptr<OwnedMemory>> dropped;  // Freed after the lock is given up.
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    const bool ends = item.second.request.group == group;
    if (ends) dropped.push_back(item.second.memory);
    return ends;
  });
}

}  // namespace symmem
