// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace symmem {

/// The free ranges of one block: first fit, adjacent ranges merged. Not thread-safe.
class FreeRanges {
 public:
  explicit FreeRanges(std::size_t bytes) { free_[0] = bytes; }

  /// Removes `bytes` bytes at a multiple of `alignment` and returns their offset; empty if no free
  /// range holds them.
  std::optional<std::size_t> take(std::size_t bytes, std::size_t alignment = 1);
  void give_back(std::size_t offset, std::size_t bytes);

 private:
  std::map<std::size_t, std::size_t> free_;  ///< Offset -> bytes.
};

}  // namespace symmem
