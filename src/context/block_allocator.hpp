// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "allocation/allocation_table.hpp"
#include "base/lifetime.hpp"
#include "rendezvous/group_registry.hpp"
#include "rendezvous/rendezvous.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

/// The built-in allocator of one device type. Allocates ranges in blocks from a BlockMaker, with
/// one pool per group and device. May outlive the Context; after that only free() works.
class BlockAllocator : public SymmetricMemoryAllocator {
 public:
  /// The referenced objects must live until `lifetime` has ended.
  BlockAllocator(std::shared_ptr<const Lifetime> lifetime, GroupRegistry& groups,
                 const Rendezvous& rendezvous, BlockIds& ids, std::size_t block_size,
                 BlockMaker& maker)
      : lifetime_(std::move(lifetime)),
        groups_(groups),
        rendezvous_(rendezvous),
        ids_(ids),
        block_size_(block_size),
        maker_(maker),
        type_(maker.device_type()) {}

  void* alloc(std::size_t bytes, int device_index, const std::string& group_name) override;
  void* allocate(const AllocationRequest& request) override;
  void free(void* ptr) override;
  void set_owned(void* ptr, bool owned) override;
  std::size_t get_alloc_size(void* ptr) const override;
  std::shared_ptr<SymmetricMemory> rendezvous(void* ptr, const std::string& group_name,
                                              Timeout timeout) override;
  std::shared_ptr<SymmetricMemory> get_symmetric_memory(
      void* ptr, const std::string& group_name) const override;
  bool is_rendezvous_completed(void* ptr) const override;
  bool has_multicast_support(int) const override { return false; }

  /// Ends the quarantine of all allocations. Called when the Context has ended and no peer accesses
  /// the allocations any more.
  void on_context_ended() { table_.release_quarantined(); }

 private:
  [[noreturn]] void fail_unknown(const void* ptr) const;

  const std::shared_ptr<const Lifetime> lifetime_;
  GroupRegistry& groups_;
  const Rendezvous& rendezvous_;
  BlockIds& ids_;
  const std::size_t block_size_;
  BlockMaker& maker_;
  const DeviceType type_;
  AllocationTable table_;
};

}  // namespace symmem
