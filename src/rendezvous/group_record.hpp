// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "access/memory_impl.hpp"
#include "allocation/pool_set.hpp"
#include "rendezvous/connector.hpp"

namespace symmem {

/// What a Context holds for one group: its pools, its connections, and the memories that are not
/// closed. Outlives the group where a peer may still write to its memory.
class GroupRecord : public MemoryHolder {
 public:
  explicit GroupRecord(std::shared_ptr<Group> the_group) : group(std::move(the_group)) {}

  void add(std::shared_ptr<SymmetricMemory> memory);
  void remove(const SymmetricMemory& memory);
  /// The memories that are held, oldest first.
  std::vector<std::shared_ptr<SymmetricMemory>> memories() const;
  void on_closed(const SymmetricMemory& memory, bool ok) override;

  const std::shared_ptr<Group> group;
  PoolSet pools;
  Connector connector;  ///< Used inside collective calls only: one at a time.

 private:
  mutable std::mutex mutex_;  ///< Guards memories_.
  std::vector<std::shared_ptr<SymmetricMemory>> memories_;
};

}  // namespace symmem
