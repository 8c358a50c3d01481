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
/// mark_shared() was called: then only give_back() does, since a peer may still write there.
class PadLease {
 public:
  /// Zeroes the range, by `gpu` or, if that is null, by the CPU: counters of its last user must not
  /// count.
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
  /// Peers may write to the range from now on.
  void mark_shared() { shared_ = true; }
  /// The range is never reused.
  void quarantine() { pool_.reset(); }

 private:
  std::shared_ptr<BlockPool> pool_;
  const Range range_;
  bool shared_ = false;
};

}  // namespace symmem
