// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "gpu/gpu.hpp"
#include "allocation/block_pool.hpp"

namespace symmem {

/// A zeroed range for a signal pad. It goes back to its pool at the end, unless a peer may still
/// write to it.
class PadLease {
 public:
  /// Zeroed before any peer hears of it: what an earlier user of the range left must not count. By
  /// `gpu`, or by the CPU if that is null.
  PadLease(std::shared_ptr<BlockPool> pool, std::size_t bytes, Gpu* gpu)
      : pool_(std::move(pool)), range_(pool_->take(bytes)) {
    if (gpu == nullptr)
      std::memset(range_.pointer(), 0, range_.bytes);
    else
      gpu->zero(range_.pointer(), range_.bytes);
  }
  ~PadLease() {
    if (!used_) give_back();
  }
  PadLease(PadLease&&) = default;
  PadLease& operator=(PadLease&&) = delete;

  const Range& range() const { return range_; }
  /// Lets others have it. Its memory stays here as long as this object.
  void give_back() {
    if (pool_) std::exchange(pool_, nullptr)->give_back(range_);
  }
  /// Peers write to it from now on: it goes back by give_back alone.
  void use() { used_ = true; }
  /// Lets nobody have it.
  void keep() { pool_.reset(); }

 private:
  std::shared_ptr<BlockPool> pool_;
  const Range range_;
  bool used_ = false;
};

}  // namespace symmem
