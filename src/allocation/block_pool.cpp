// SPDX-License-Identifier: Apache-2.0
#include "allocation/block_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.hpp"

namespace symmem {

BlockPool::BlockPool(std::shared_ptr<BlockMaker> maker, std::shared_ptr<BlockIds> ids,
                     int device_index, std::size_t block_bytes)
    : maker_(std::move(maker)),
      ids_(std::move(ids)),
      device_index_(device_index),
      block_bytes_(block_bytes) {}

std::shared_ptr<Block> BlockPool::make(std::size_t bytes) try {
  return maker_->make(ids_->next(), bytes, device_index_);
} catch (Error& e) {
  e.add_context(fmt::format("allocating a block of {} bytes on {}", bytes,
                            to_string(Device{maker_->device_type(), device_index_})));
  throw;
}

Range BlockPool::take(std::size_t bytes) {
  require(bytes <= std::numeric_limits<std::size_t>::max() - kAlignment, Errc::exhausted,
          "{} bytes asked for, more than can be addressed", bytes);
  // An empty allocation has an address of its own, too.
  const std::size_t rounded =
      std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (rounded > block_bytes_ / 2) return {make(rounded), false, 0, rounded};

  const std::lock_guard lock(mutex_);
  for (Shared& shared : shared_)
    if (const auto offset = shared.free.take(rounded))
      return {shared.block, true, *offset, rounded};
  // With the token it is what the system hands out in one piece.
  std::shared_ptr<Block> block;
  try {
    block = make(block_bytes_ - Block::kTokenBytes);
  } catch (Error& e) {
    e.add_context(fmt::format("{} bytes from a block for many (SYMMEM_BLOCK_SIZE)", bytes));
    throw;
  }
  Shared& shared = shared_.emplace_back(Shared{block, FreeRanges(block->bytes)});
  return {block, true, shared.free.take(rounded).value(), rounded};
}

void BlockPool::give_back(const Range& range) {
  if (!range.kept) return;  // The block goes with the last Range of it.
  const std::lock_guard lock(mutex_);
  const auto shared = std::find_if(shared_.begin(), shared_.end(), [&](const Shared& candidate) {
    return candidate.block == range.block;
  });
  if (shared != shared_.end()) shared->free.give_back(range.offset, range.bytes);
}

}  // namespace symmem
