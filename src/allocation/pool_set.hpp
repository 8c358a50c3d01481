// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "allocation/block_pool.hpp"

namespace symmem {

/// The block pools of one group. No two groups share a block, so all ranks of the group attach the
/// same blocks. Thread-safe.
class PoolSet {
 public:
  enum class Purpose { allocations, signal_pads };

  /// Returns the pool of `maker` for a device. Creates the pool at its first use, with blocks of
  /// `block_bytes` bytes.
  std::shared_ptr<BlockPool> pool(BlockMaker& maker, BlockIds& ids, int device_index,
                                  std::size_t block_bytes, Purpose purpose) {
    const std::lock_guard lock(mutex_);
    auto& pool = pools_[{&maker, device_index, purpose}];
    if (!pool) pool = std::make_shared<BlockPool>(maker, ids, device_index, block_bytes);
    return pool;
  }

 private:
  std::mutex mutex_;  ///< Guards pools_.
  std::map<std::tuple<const BlockMaker*, int, Purpose>, std::shared_ptr<BlockPool>> pools_;
};

}  // namespace symmem
