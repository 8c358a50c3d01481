// SPDX-License-Identifier: Apache-2.0
#include "allocation/free_ranges.hpp"

#include <iterator>

namespace symmem {

std::optional<std::size_t> FreeRanges::take(std::size_t bytes, std::size_t alignment) {
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    const auto [offset, length] = *range;
    const std::size_t start = (offset + alignment - 1) / alignment * alignment;
    const std::size_t gap = start - offset;
    if (length < gap || length - gap < bytes) continue;
    free_.erase(range);
    if (gap != 0) free_[offset] = gap;
    if (length - gap > bytes) free_[start + bytes] = length - gap - bytes;
    return start;
  }
  return {};
}

void FreeRanges::give_back(std::size_t offset, std::size_t bytes) {
  auto range = free_.emplace(offset, bytes).first;
  if (const auto next = std::next(range); next != free_.end() && offset + bytes == next->first) {
    range->second += next->second;
    free_.erase(next);
  }
  if (range == free_.begin()) return;
  if (const auto before = std::prev(range); before->first + before->second == offset) {
    before->second += range->second;
    free_.erase(range);
  }
}

}  // namespace symmem
