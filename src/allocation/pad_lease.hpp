// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "allocation/block_pool.hpp"
#include "gpu/gpu.hpp"

namespace symmem {

/// Owns a zeroed range for a signal pad. The destructor returns the range to its pool, unless
/// mark_shared() was called. After mark_shared() only give_back() returns the range, because a peer
/// may still write to it.
class PadLease {
 public:
  /// Zeroes the range to clear the counts of its previous user: on `gpu`, or on the CPU if `gpu` is
  /// null.
  PadLease(std::shared_ptr<BlockPool> pool, std::size_t bytes, Gpu* gpu)
      : pool_(std::move(pool)), range_(pool_->take(bytes)) {
    try {
      if (gpu == nullptr)
        std::memset(range_.pointer(), 0, range_.bytes);
      else
        gpu->zero(range_.pointer(), range_.bytes);
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~PadLease() {
    if (!shared_) give_back();
  }
  PadLease(PadLease&&) = default;
  PadLease& operator=(PadLease&&) = delete;

  const Range& range() const { return range_; }
  /// Returns the range to the pool. This object keeps the memory mapped.
  void give_back() {
    if (pool_) std::exchange(pool_, nullptr)->give_back(range_);
  }
  /// Records that peers may write to the range from now on.
  void mark_shared() { shared_ = true; }
  /// Prevents any reuse of the range.
  void quarantine() { pool_.reset(); }

 private:
  std::shared_ptr<BlockPool> pool_;
  const Range range_;
  bool shared_ = false;
};

}  // namespace symmem
