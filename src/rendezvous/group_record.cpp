// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/group_record.hpp"

#include <algorithm>

namespace symmem {

void GroupRecord::add(std::shared_ptr<SymmetricMemory> memory) {
  const std::lock_guard lock(mutex_);
  memories_.push_back(std::move(memory));
}

void GroupRecord::remove(const SymmetricMemory& memory) {
  std::shared_ptr<SymmetricMemory> last;  // Destroyed after the unlock, because it may free memory.
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(memories_.begin(), memories_.end(),
                                  [&](const auto& held) { return held.get() == &memory; });
  if (found == memories_.end()) return;
  last = std::move(*found);
  memories_.erase(found);
}

std::vector<std::shared_ptr<SymmetricMemory>> GroupRecord::memories() const {
  const std::lock_guard lock(mutex_);
  return memories_;
}

void GroupRecord::on_closed(const SymmetricMemory& memory, bool ok) {
  if (ok)
    remove(memory);
  else
    connector.detach();
}

}  // namespace symmem
