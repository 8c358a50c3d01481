// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>

#include "allocation/free_ranges.hpp"
#include "symmem/extend/block.hpp"

namespace symmem {

/// Numbers the blocks of one Context.
class BlockIds {
 public:
  explicit BlockIds(std::uint64_t process) : process_(process) {}
  BlockId next() { return {process_, count_.fetch_add(1, std::memory_order_relaxed)}; }

 private:
  const std::uint64_t process_;
  std::atomic<std::uint64_t> count_{1};
};

/// A range of a block. Keeps the block mapped.
struct Range {
  std::shared_ptr<Block> block;
  /// The block is shared by many ranges and lives as long as its pool, so peers keep their
  /// attachments to it.
  bool kept = false;
  std::size_t offset = 0;
  std::size_t bytes = 0;

  std::byte* pointer() const { return block->base + offset; }
};

/// Allocates ranges from blocks of one maker and device. Small ranges share blocks, so that many
/// small allocations need few mappings; a range larger than half a block gets a block of its own.
/// Calls may come from any thread.
class BlockPool {
 public:
  /// Every range begins at a multiple of this many bytes.
  static constexpr std::size_t kAlignment = 256;
  /// The largest alignment: blocks begin at a page of every process that maps them.
  static constexpr std::size_t kMaxAlignment = 4096;

  /// `maker` and `ids` are the Context's and outlive the last take.
  BlockPool(BlockMaker& maker, BlockIds& ids, int device_index, std::size_t block_bytes);

  /// Throws Error(exhausted); Error(invalid_argument) for an alignment that is no power of two or
  /// exceeds kMaxAlignment.
  Range take(std::size_t bytes, std::size_t alignment = kAlignment);
  void give_back(const Range& range);

 private:
  struct Shared {
    std::shared_ptr<Block> block;
    FreeRanges free;
  };

  std::shared_ptr<Block> make(std::size_t bytes);

  BlockMaker& maker_;
  BlockIds& ids_;
  const int device_index_;
  const std::size_t block_bytes_;
  std::mutex mutex_;  ///< Guards shared_.
  std::list<Shared> shared_;
};

}  // namespace symmem
