// SPDX-License-Identifier: Apache-2.0
#include "allocation/block_pool.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.hpp"

namespace symmem {

BlockPool::BlockPool(BlockMaker& maker, BlockIds& ids, int device_index, std::size_t block_bytes)
    : maker_(maker), ids_(ids), device_index_(device_index), block_bytes_(block_bytes) {}

std::shared_ptr<Block> BlockPool::make(std::size_t bytes) try {
  return maker_.make(ids_.next(), bytes, device_index_);
} catch (Error& e) {
  e.add_context(fmt::format("allocating a block of {} bytes on {}", bytes,
                            to_string(Device{maker_.device_type(), device_index_})));
  throw;
}

Range BlockPool::take(std::size_t bytes, std::size_t alignment) {
  require(std::has_single_bit(alignment) && alignment <= kMaxAlignment, Errc::invalid_argument,
          "alignment {} is not allowed: it must be a power of two up to {}", alignment,
          kMaxAlignment);
  require(bytes <= std::numeric_limits<std::size_t>::max() - kAlignment, Errc::exhausted,
          "{} bytes requested, more than the address space holds", bytes);
  // An empty allocation also has a unique address.
  const std::size_t rounded =
      std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (rounded > block_bytes_ / 2) return {make(rounded), false, 0, rounded};

  const std::lock_guard lock(mutex_);
  const auto take_from = [&](Shared& shared) {
    return shared.free.take(rounded, std::max(alignment, kAlignment));
  };
  for (Shared& shared : shared_)
    if (const auto offset = take_from(shared)) return {shared.block, true, *offset, rounded};
  std::shared_ptr<Block> block;
  try {
    // Subtract the token: the block and its token together have block_bytes_ bytes.
    block = make(block_bytes_ - Block::kTokenBytes);
  } catch (Error& e) {
    e.add_context(
        fmt::format("allocating {} bytes in a shared block (see SYMMEM_BLOCK_SIZE)", bytes));
    throw;
  }
  Shared& shared = shared_.emplace_back(Shared{block, FreeRanges(block->bytes)});
  return {block, true, take_from(shared).value(), rounded};
}

void BlockPool::give_back(const Range& range) {
  if (!range.kept) return;  // The block is freed with its last Range.
  const std::lock_guard lock(mutex_);
  const auto shared = std::find_if(shared_.begin(), shared_.end(), [&](const Shared& candidate) {
    return candidate.block == range.block;
  });
  if (shared != shared_.end()) shared->free.give_back(range.offset, range.bytes);
}

}  // namespace symmem
