// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocation/block_pool.hpp"

namespace symmem {

/// RAII: peers may access a range by message while this object lives. Must be constructed before
/// the range is announced to a peer.
class OpenRange {
 public:
  OpenRange(const Range& range, std::size_t bytes) : range_(range), bytes_(bytes) {
    range_.block->open.open(range_.offset, bytes_);
  }
  ~OpenRange() { range_.block->open.close(range_.offset, bytes_); }
  OpenRange(const OpenRange&) = delete;
  OpenRange& operator=(const OpenRange&) = delete;

 private:
  const Range range_;
  const std::size_t bytes_;
};

}  // namespace symmem
