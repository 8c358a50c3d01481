// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/group_record.hpp"

#include <algorithm>

namespace symmem {

std::shared_ptr<BlockPool> GroupRecord::pool(const std::shared_ptr<BlockMaker>& maker,
                                             const std::shared_ptr<BlockIds>& ids, int device_index,
                                             std::size_t block_bytes, bool for_pads) {
  const std::lock_guard lock(mutex_);
  auto& pool = pools_[{maker.get(), device_index, for_pads}];
  if (!pool) pool = std::make_shared<BlockPool>(maker, ids, device_index, block_bytes);
  return pool;
}

void GroupRecord::add(std::shared_ptr<SymmetricMemory> memory) {
  const std::lock_guard lock(mutex_);
  memories_.push_back(std::move(memory));
}

void GroupRecord::remove(const SymmetricMemory* memory) {
  std::shared_ptr<SymmetricMemory> last;  // Destroyed after the lock, as its destructor may free.
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(memories_.begin(), memories_.end(),
                                  [&](const auto& held) { return held.get() == memory; });
  if (found == memories_.end()) return;
  last = std::move(*found);
  memories_.erase(found);
}

std::vector<std::shared_ptr<SymmetricMemory>> GroupRecord::memories() const {
  const std::lock_guard lock(mutex_);
  return memories_;
}

}  // namespace symmem
