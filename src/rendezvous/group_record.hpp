// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "allocation/block_pool.hpp"
#include "rendezvous/connections.hpp"
#include "group/group.hpp"

namespace symmem {

/// All that a Context holds for one group: the memory pools whose blocks serve it, the connections,
/// and the memory rendezvoused in it. Outlives the group's end where a peer may still write to it.
class GroupRecord {
 public:
  explicit GroupRecord(std::shared_ptr<Group> the_group) : group(std::move(the_group)) {}

  /// The pools for allocations and for signal pads, made at first use.
  std::shared_ptr<BlockPool> pool(const std::shared_ptr<BlockMaker>& maker,
                                  const std::shared_ptr<BlockIds>& ids, int device_index,
                                  std::size_t block_bytes, bool for_pads);

  /// Memory rendezvoused here is held until it was closed well.
  void add(std::shared_ptr<SymmetricMemory> memory);
  void remove(const SymmetricMemory* memory);
  /// What is held, oldest first.
  std::vector<std::shared_ptr<SymmetricMemory>> memories() const;

  const std::shared_ptr<Group> group;
  Connector connector;  ///< Used inside collective calls only, of which there is one at a time.

 private:
  using PoolKey = std::tuple<const BlockMaker*, int, bool>;

  mutable std::mutex mutex_;  ///< Guards what follows.
  std::map<PoolKey, std::shared_ptr<BlockPool>> pools_;
  std::vector<std::shared_ptr<SymmetricMemory>> memories_;
};

}  // namespace symmem
