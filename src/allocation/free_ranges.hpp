// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace symmem {

/// The free ranges of one block, first fit, neighbours merged. Not thread-safe.
class FreeRanges {
 public:
  explicit FreeRanges(std::size_t bytes) { free_[0] = bytes; }

  /// The offset of `bytes` that are free no longer; empty if there is no such range.
  std::optional<std::size_t> take(std::size_t bytes);
  void give_back(std::size_t offset, std::size_t bytes);

 private:
  std::map<std::size_t, std::size_t> free_;  ///< Offset -> bytes.
};

}  // namespace symmem
