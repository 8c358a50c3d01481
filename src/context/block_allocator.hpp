// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/fork.hpp"
#include "allocation/allocation.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

class Runtime;

/// The allocator of a Context for one device type: ranges of blocks that a BlockMaker makes, from a
/// pool for each group. May outlive the Context; then only free works.
class BlockAllocator : public SymmetricMemoryAllocator {
 public:
  BlockAllocator(const std::shared_ptr<Runtime>& runtime, std::shared_ptr<BlockMaker> maker);

  void* alloc(std::size_t bytes, int device_index, const std::string& group_name) override;
  void free(void* ptr) override;
  std::size_t get_alloc_size(void* ptr) const override;
  std::shared_ptr<SymmetricMemory> rendezvous(void* ptr, const std::string& group_name,
                                              Timeout timeout) override;
  std::shared_ptr<SymmetricMemory> get_symmetric_memory(
      void* ptr, const std::string& group_name) const override;
  bool is_rendezvous_completed(void* ptr) const override;
  bool has_multicast_support(int) const override { return false; }

  /// Says whether a tensor owns the allocation at `ptr`: then free refuses it. Without that, memory
  /// freed behind a tensor's back would be freed again with the tensor, by then another's.
  void set_owned(void* ptr, bool owned);

 private:
  struct Entry {
    std::shared_ptr<Allocation> allocation;
    std::string group;   ///< That of alloc: the default for rendezvous.
    bool owned = false;  ///< By a tensor.
  };
  using Entries = std::map<const std::byte*, Entry>;

  std::shared_ptr<Runtime> runtime() const;
  /// The allocation that `ptr` points into; empty, or Error(invalid_argument), if there is none.
  std::optional<Entry> lookup(const void* ptr) const;
  Entry find(const void* ptr) const;
  /// The entry that begins at `ptr`, or Error(invalid_argument). With mutex_ held.
  Entries::iterator at(void* ptr);

  const std::weak_ptr<Runtime> runtime_;
  const std::shared_ptr<BlockMaker> maker_;
  const ForkGuard fork_;
  mutable std::mutex mutex_;  ///< Guards entries_.
  Entries entries_;           ///< By first byte.
};

}  // namespace symmem
