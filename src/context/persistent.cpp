// SPDX-License-Identifier: Apache-2.0
#include "context/persistent.hpp"

#include <vector>

#include "base/check.hpp"
#include "context/owned_memory.hpp"

namespace symmem {

std::shared_ptr<void> Persistent::take(DeviceType type, const AllocationRequest& request,
                                       const std::shared_ptr<SymmetricMemoryAllocator>& allocator) {
  const Device device{type, request.device_index};
  const std::uint64_t id = *request.id;
  const std::lock_guard lock(mutex_);
  auto [found, is_new] = entries_.try_emplace(id);
  Entry& entry = found->second;
  if (is_new) try {
      entry.device = device;
      entry.request = request;
      entry.memory = allocate_owned(type, request, allocator);
    } catch (...) {
      entries_.erase(found);
      throw;
    }
  require(entry.active.expired(), Errc::invalid_argument,
          "alloc_id {}: a previous allocation with the same alloc_id is still active: destroy "
          "every Buffer and Tensor of this alloc_id first",
          id);
  const auto same = [&](const char* what, const auto& before, const auto& now) {
    require(before == now, Errc::invalid_argument,
            "alloc_id {} was allocated with {} {}, and is now requested with {}", id, what, before,
            now);
  };
  same("bytes", entry.request.bytes, request.bytes);
  same("device", to_string(entry.device), to_string(device));
  same("group", entry.request.group_name, request.group_name);
  same("alignment", entry.request.alignment, request.alignment);
  // Each result has its own reference count, so `active` expires with the copies of the result
  // while the entry keeps the memory.
  const auto holder = std::make_shared<std::shared_ptr<void>>(entry.memory);
  const std::shared_ptr<void> result(holder, entry.memory.get());
  entry.active = result;
  return result;
}

void Persistent::forget_group(const std::string& group) {
  std::vector<std::shared_ptr<void>> dropped;  // Freed after the unlock.
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    const bool ends = item.second.request.group_name == group;
    if (ends) dropped.push_back(item.second.memory);
    return ends;
  });
}

}  // namespace symmem
