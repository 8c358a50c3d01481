// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace symmem {

/// First-fit allocator of ranges in one block. Merges adjacent free ranges. Not thread-safe.
class FreeRanges {
 public:
  explicit FreeRanges(std::size_t bytes) { free_[0] = bytes; }

  /// Allocates `bytes` bytes at a multiple of `alignment`. Returns their offset, or nullopt if no
  /// free range is large enough.
  std::optional<std::size_t> take(std::size_t bytes, std::size_t alignment = 1);
  void give_back(std::size_t offset, std::size_t bytes);

 private:
  std::map<std::size_t, std::size_t> free_;  ///< Maps the offset of a free range to its size.
};

}  // namespace symmem
