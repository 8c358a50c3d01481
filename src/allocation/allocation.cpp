// SPDX-License-Identifier: Apache-2.0
#include "allocation/allocation.hpp"

namespace symmem {

std::shared_ptr<SymmetricMemory> Allocation::memory(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const auto found = memories_.find(group);
  return found == memories_.end() ? nullptr : found->second.lock();
}

bool Allocation::rendezvoused() const {
  const std::lock_guard lock(mutex_);
  return !memories_.empty();
}

void Allocation::add(const std::string& group, const std::shared_ptr<SymmetricMemory>& memory) {
  const std::lock_guard lock(mutex_);
  memories_[group] = memory;
}

void Allocation::closed(const std::string& group, bool well) {
  const std::lock_guard lock(mutex_);
  memories_.erase(group);
  lost_ = lost_ || !well;
  give_back_if_done();
}

void Allocation::freed() {
  const std::lock_guard lock(mutex_);
  freed_ = true;
  give_back_if_done();
}

void Allocation::give_back_if_done() {
  if (freed_ && !lost_ && memories_.empty() && pool_) pool_->give_back(range_);
}

}  // namespace symmem
