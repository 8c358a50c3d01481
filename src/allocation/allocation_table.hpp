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

/// One allocation of symmetric memory. Immutable; the table that owns the allocation keeps its
/// state.
struct Allocation {
  std::shared_ptr<BlockPool> pool;  ///< Null for memory that symmem did not allocate.
  Range range;
  std::size_t bytes = 0;  ///< The requested size, before rounding.
  std::string group;      ///< The default group for a rendezvous.
  std::string name;       ///< Used by explain(); may be empty.
  std::optional<std::uint64_t> id;

  std::byte* pointer() const { return range.pointer(); }
};

/// Deleter of an allocation: returns its range to its pool.
struct ReturnRange {
  void operator()(const Allocation* allocation) const noexcept;
};
using OwnedAllocation = std::unique_ptr<const Allocation, ReturnRange>;

/// A group's use of an allocation, from the rendezvous until SymmetricMemory::close. Until the use
/// is released, the allocation stays in its table and the range is not reused.
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

  /// Records that peers may access the range from now on. Then only release(true) makes the range
  /// reusable.
  void mark_shared() { shared_ = true; }
  /// Sets the SymmetricMemory that AllocationTable::memory returns for this use.
  void set_memory(const std::shared_ptr<SymmetricMemory>& memory);
  /// Ends the use. If `reusable` is false, a peer may still access the range; the range is then
  /// never reused and stays mapped until AllocationTable::release_quarantined. Only the first call
  /// has an effect.
  void release(bool reusable) noexcept;

 private:
  AllocationTable* table_ = nullptr;
  const Allocation* allocation_ = nullptr;
  std::string group_;
  bool shared_ = false;
};

/// Owns the allocations of one allocator. An allocation ends once it has been freed and no group
/// uses it. Thread-safe.
class AllocationTable {
 public:
  /// Adds an allocation that lives until free(). Returns the address of its first byte.
  void* add(Allocation allocation);
  /// Adds an allocation that lives until the returned use is released.
  AllocationUse add_for(Allocation allocation, const std::string& group);
  /// Begins a use by `group` of the allocation that contains `ptr`. Returns an empty use if there
  /// is no such allocation. Throws Error(invalid_argument) while the group uses the allocation.
  AllocationUse use(const void* ptr, const std::string& group);

  /// Size and default group of an allocation.
  struct Info {
    std::size_t bytes = 0;
    std::string group;
  };
  /// Describes the allocation that contains `ptr`. Returns nullopt if there is none.
  std::optional<Info> info(const void* ptr) const;
  /// Returns the open SymmetricMemory of `group` on the allocation that contains `ptr`, or null. An
  /// empty `group` selects the allocation's default group.
  std::shared_ptr<SymmetricMemory> memory(const void* ptr, const std::string& group) const;
  /// Returns whether a group has an open SymmetricMemory on the allocation that contains `ptr`.
  /// Returns nullopt for an unknown `ptr`.
  std::optional<bool> is_rendezvoused(const void* ptr) const;

  /// The result of free(): `unknown` if no allocation begins at `ptr`, `owned` if the allocation
  /// has an owner, which alone may free it.
  enum class Freed { yes, unknown, owned };
  Freed free(const void* ptr);
  /// Sets whether an allocation has an owner; free() refuses an owned allocation. Returns false for
  /// an unknown `ptr`.
  bool set_owned(const void* ptr, bool owned);
  /// Ends the quarantine of ranges that were not released as reusable. Called when the Context ends
  /// and no peer accesses its memory any more.
  void release_quarantined();

 private:
  friend class AllocationUse;
  struct Entry {
    OwnedAllocation allocation;
    /// The unreleased uses by group name. A pointer is empty until the rendezvous has succeeded.
    std::map<std::string, std::weak_ptr<SymmetricMemory>> uses;
    bool freed = false;
    bool owned = false;
    bool quarantined = false;
  };
  using Entries = std::map<const Allocation*, Entry>;

  /// Returns the entry that contains `ptr`, or null. The caller must hold mutex_.
  Entry* find(const void* ptr) const;
  /// Returns the entry that begins at `ptr`, or null. The caller must hold mutex_.
  Entry* find_begin(const void* ptr) const;
  /// Removes the entry if it is freed, unused and not quarantined. The caller must hold mutex_, and
  /// must destroy the result after the unlock, because the deleter locks the pool and may unmap a
  /// block.
  OwnedAllocation remove_if_done(Entries::iterator entry);

  mutable std::mutex mutex_;  ///< Guards the members below.
  mutable Entries entries_;
  /// The allocations that are not freed, by the address of the first byte.
  std::map<const std::byte*, const Allocation*> live_;
};

}  // namespace symmem
