// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>

#include "allocation/free_ranges.hpp"
#include "symmem/extend/block.hpp"

namespace symmem {

/// Generates the ids of the blocks of one Context.
class BlockIds {
 public:
  explicit BlockIds(std::uint64_t process) : process_(process) {}
  BlockId next() { return {process_, count_.fetch_add(1, std::memory_order_relaxed)}; }

 private:
  const std::uint64_t process_;
  std::atomic<std::uint64_t> count_{1};
};

/// A byte range in a block. Keeps the block mapped.
struct Range {
  std::shared_ptr<Block> block;
  /// True if many ranges share the block and the block lives as long as its pool. Peers then keep
  /// their attachments to the block.
  bool kept = false;
  std::size_t offset = 0;
  std::size_t bytes = 0;

  std::byte* pointer() const { return block->base + offset; }
};

/// Allocates ranges from blocks of one maker and device. Small ranges share blocks, so that many
/// small allocations need few mappings; a range larger than half a block is allocated in its own
/// block. Thread-safe.
class BlockPool {
 public:
  /// Every range begins at a multiple of this many bytes.
  static constexpr std::size_t kAlignment = 256;
  /// The largest supported alignment. Every process maps a block at a page boundary.
  static constexpr std::size_t kMaxAlignment = 4096;

  /// `maker` and `ids` belong to the Context and must outlive the last call of take().
  BlockPool(BlockMaker& maker, BlockIds& ids, int device_index, std::size_t block_bytes);

  /// Allocates a range. Throws Error(exhausted) if no memory is available, and
  /// Error(invalid_argument) if `alignment` is not a power of two or exceeds kMaxAlignment.
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
