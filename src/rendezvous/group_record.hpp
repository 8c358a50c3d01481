// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "access/memory_impl.hpp"
#include "allocation/pool_set.hpp"
#include "rendezvous/connector.hpp"

namespace symmem {

/// The resources of one group in a Context: the pools, the connections, and the open
/// SymmetricMemory objects. Outlives the group if a peer may still write to memory of the group.
class GroupRecord : public MemoryHolder {
 public:
  explicit GroupRecord(std::shared_ptr<Group> the_group) : group(std::move(the_group)) {}

  void add(std::shared_ptr<SymmetricMemory> memory);
  void remove(const SymmetricMemory& memory);
  /// Returns the open SymmetricMemory objects, oldest first.
  std::vector<std::shared_ptr<SymmetricMemory>> memories() const;
  void on_closed(const SymmetricMemory& memory, bool ok) override;

  const std::shared_ptr<Group> group;
  PoolSet pools;
  Connector connector;  ///< Used only inside collective calls, one at a time.

 private:
  mutable std::mutex mutex_;  ///< Guards memories_.
  std::vector<std::shared_ptr<SymmetricMemory>> memories_;
};

}  // namespace symmem
