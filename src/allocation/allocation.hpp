// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "allocation/block_pool.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// One allocation: a range, what was asked for, and the groups that have it rendezvoused. The range
/// goes back to its pool when the owner has freed it and each of those groups has closed it well;
/// until then a peer may still write there. Calls may come from any thread.
class Allocation {
 public:
  Allocation(std::shared_ptr<BlockPool> pool, Range range, std::size_t bytes)
      : pool_(std::move(pool)), range_(std::move(range)), bytes_(bytes) {}

  std::byte* pointer() const { return range_.pointer(); }
  std::size_t bytes() const { return bytes_; }  ///< As asked for.
  const Range& range() const { return range_; }

  /// The memory that `group` made of this allocation and has not closed, or null.
  std::shared_ptr<SymmetricMemory> memory(const std::string& group) const;
  bool rendezvoused() const;
  void add(const std::string& group, const std::shared_ptr<SymmetricMemory>& memory);
  /// `group` is done with it; unless `well`, the range is not used again.
  void closed(const std::string& group, bool well);
  /// The owner is done with it.
  void freed();

 private:
  void give_back_if_done();  ///< With mutex_ held.

  const std::shared_ptr<BlockPool> pool_;  ///< Null for memory that symmem did not allocate.
  const Range range_;
  const std::size_t bytes_;
  mutable std::mutex mutex_;  ///< Guards what follows.
  std::map<std::string, std::weak_ptr<SymmetricMemory>> memories_;
  bool freed_ = false;
  bool lost_ = false;  ///< Some group did not close it well.
};

}  // namespace symmem
