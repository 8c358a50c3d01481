// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/fork.hpp"
#include "symmem/device.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

/// Owns memory that an allocator returned, and frees it. Until then the allocator's free refuses it:
/// memory freed behind its owner's back would be freed again by then another's.
class OwnedMemory {
 public:
  OwnedMemory(std::shared_ptr<SymmetricMemoryAllocator> allocator, void* pointer);
  ~OwnedMemory();
  OwnedMemory(const OwnedMemory&) = delete;
  OwnedMemory& operator=(const OwnedMemory&) = delete;
  void* pointer() const { return pointer_; }

 private:
  const std::shared_ptr<SymmetricMemoryAllocator> allocator_;
  void* const pointer_;
  const ForkGuard fork_;
};

/// The allocations that have an id. Each is allocated once and handed out again whenever nobody
/// holds it, until its group ends. Calls may come from any thread.
class Persistent {
 public:
  /// Memory and its shared owner.
  struct Storage {
    std::shared_ptr<void> owner;
    void* pointer = nullptr;
  };
  /// Allocates `request`, which has an id, at the id's first use. Error(invalid_argument) while the
  /// owner returned last lives, or if bytes, device or group differ from the first use.
  Storage take(DeviceType type, const AllocationRequest& request,
               const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

  /// Forgets the ids of `group`. Memory with a living owner is freed with it.
  void forget_group(const std::string& group);

 private:
  struct Entry {
    Device device;
    AllocationRequest request;
    std::shared_ptr<OwnedMemory> memory;
    std::weak_ptr<void> active;  ///< The owner returned last.
  };

  mutable std::mutex mutex_;  ///< Guards entries_.
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace symmem
