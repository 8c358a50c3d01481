// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>

#include "allocation/free_ranges.hpp"
#include "symmem/extend/block.hpp"

namespace symmem {

/// Gives every block of a Context its number.
class BlockIds {
 public:
  explicit BlockIds(std::uint64_t process) : process_(process) {}
  BlockId next() { return {process_, count_.fetch_add(1, std::memory_order_relaxed)}; }

 private:
  const std::uint64_t process_;
  std::atomic<std::uint64_t> count_{1};
};

/// A piece of a block. While it is held the block stays mapped.
struct Range {
  std::shared_ptr<Block> block;
  /// The block is shared and lives as long as its pool, so that what was attached once stays
  /// useful.
  bool kept = false;
  std::size_t offset = 0;
  std::size_t bytes = 0;

  std::byte* pointer() const { return block->base + offset; }
};

/// Cuts ranges from blocks of one maker and device: small ones share a block, so that a thousand
/// small allocations do not cost a thousand mappings; one of more than half a block gets its own.
class BlockPool {
 public:
  /// Ranges begin at multiples of this.
  static constexpr std::size_t kAlignment = 256;

  BlockPool(std::shared_ptr<BlockMaker> maker, std::shared_ptr<BlockIds> ids, int device_index,
            std::size_t block_bytes);

  Range take(std::size_t bytes);
  void give_back(const Range& range);

 private:
  struct Shared {
    std::shared_ptr<Block> block;
    FreeRanges free;
  };

  std::shared_ptr<Block> make(std::size_t bytes);

  const std::shared_ptr<BlockMaker> maker_;
  const std::shared_ptr<BlockIds> ids_;
  const int device_index_;
  const std::size_t block_bytes_;
  std::mutex mutex_;  ///< Guards shared_.
  std::list<Shared> shared_;
};

}  // namespace symmem
