// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "allocation/block_pool.hpp"
#include "base/fork.hpp"

namespace symmem {

class SymmetricMemory;
class AllocationTable;

/// One allocation. Immutable; its state is in the table that owns it.
struct Allocation {
  std::shared_ptr<BlockPool> pool;  ///< Null for memory that symmem did not allocate.
  Range range;
  std::size_t bytes = 0;  ///< As requested, not as rounded.
  std::string group;      ///< The default group of a rendezvous.
  std::string name;       ///< For explain() and errors; may be empty.
  std::optional<std::uint64_t> id;

  std::byte* pointer() const { return range.pointer(); }
};

/// Returns the range of an allocation to its pool when the allocation ends.
struct ReturnRange {
  void operator()(const Allocation* allocation) const noexcept;
};
using OwnedAllocation = std::unique_ptr<const Allocation, ReturnRange>;

/// One group's use of an allocation, from the group's rendezvous to its close. Until it is released
/// the allocation stays in its table and its range is not reused.
class AllocationUse {
 public:
  AllocationUse() = default;
  AllocationUse(AllocationTable& table, const Allocation& allocation, std::string group)
      : table_(&table), allocation_(&allocation), group_(std::move(group)) {}
  AllocationUse(AllocationUse&& other) noexcept { *this = std::move(other); }
  AllocationUse& operator=(AllocationUse&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(allocation_, other.allocation_);
    std::swap(group_, other.group_);
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~AllocationUse() { release(/*reusable=*/!shared_); }

  explicit operator bool() const { return allocation_ != nullptr; }
  const Allocation& operator*() const { return *allocation_; }
  const Allocation* operator->() const { return allocation_; }

  /// Peers may access the range from now on: it becomes reusable by release(true) alone.
  void mark_shared() { shared_ = true; }
  /// Sets what AllocationTable::memory returns for this use.
  void set_memory(const std::shared_ptr<SymmetricMemory>& memory);
  /// Ends the use. Unless `reusable`, a peer may still access the range: it is never reused, and
  /// stays mapped until AllocationTable::release_quarantined. Once; later calls do nothing.
  void release(bool reusable) noexcept;

 private:
  AllocationTable* table_ = nullptr;
  const Allocation* allocation_ = nullptr;
  std::string group_;
  bool shared_ = false;
};

/// Owns the allocations of one allocator. An allocation ends when its owner has freed it and no
/// group uses it. Calls may come from any thread.
class AllocationTable {
 public:
  /// Adds an allocation that free() will end. Returns its first byte.
  void* add(Allocation allocation);
  /// Adds an allocation that ends with the returned use.
  AllocationUse add_for(Allocation allocation, const std::string& group);
  /// Begins `group`'s use of the allocation that `ptr` points into; empty if there is none. Throws
  /// Error(invalid_argument) while the group uses it already.
  AllocationUse use(const void* ptr, const std::string& group);

  struct Info {
    std::size_t bytes = 0;
    std::string group;
  };
  /// Returns size and default group of the allocation that `ptr` points into; empty if there is
  /// none.
  std::optional<Info> info(const void* ptr) const;
  /// The memory that `group` (empty: the allocation's own) made of it and has not closed, or null.
  std::shared_ptr<SymmetricMemory> memory(const void* ptr, const std::string& group) const;
  /// True if some group has rendezvoused it and not closed it; empty for an unknown `ptr`.
  std::optional<bool> is_rendezvoused(const void* ptr) const;

  /// What free() found at `ptr`, which must be an allocation's first byte.
  enum class Freed { yes, unknown, owned };
  Freed free(const void* ptr);
  /// While an allocation is owned, free() refuses it. Returns false for an unknown `ptr`.
  bool set_owned(const void* ptr, bool owned);
  /// The Context ends and no peer accesses its memory any more: ranges that were not released as
  /// reusable end like all others.
  void release_quarantined();

 private:
  friend class AllocationUse;
  struct Entry {
    OwnedAllocation allocation;
    /// By group: the uses that are not released; memory is empty until the rendezvous succeeded.
    std::map<std::string, std::weak_ptr<SymmetricMemory>> uses;
    bool freed = false;
    bool owned = false;
    bool quarantined = false;
  };
  using Entries = std::map<const Allocation*, Entry>;

  /// With mutex_ held: the entry that `ptr` points into, or null.
  Entry* find(const void* ptr) const;
  /// With mutex_ held: the entry that begins at `ptr`, or null.
  Entry* find_begin(const void* ptr) const;
  /// With mutex_ held: removes the entry if nothing needs it. The caller destroys the result after
  /// it unlocked: that returns the range, for which it locks the pool, and may unmap a block.
  OwnedAllocation remove_if_done(Entries::iterator entry);

  mutable std::mutex mutex_;  ///< Guards what follows.
  mutable Entries entries_;
  /// The allocations that are not freed, by first byte.
  std::map<const std::byte*, const Allocation*> live_;
};

}  // namespace symmem
