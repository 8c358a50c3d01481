// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/fork.hpp"
#include "symmem/extend/allocator.hpp"
#include "symmem/device.hpp"

namespace symmem {

class BlockAllocator;

/// Memory that an allocator gave and takes back at the end of this object; until then an allocator
/// of ours takes it back from nobody else.
class OwnedMemory {
 public:
  OwnedMemory(std::shared_ptr<SymmetricMemoryAllocator> allocator, void* pointer);
  ~OwnedMemory();
  OwnedMemory(const OwnedMemory&) = delete;
  OwnedMemory& operator=(const OwnedMemory&) = delete;
  void* pointer() const { return pointer_; }

 private:
  const std::shared_ptr<SymmetricMemoryAllocator> allocator_;
  BlockAllocator* const ours_;  ///< The same, or null for one that the application registered.
  void* const pointer_;
  const ForkGuard fork_;
};

/// The allocations that have an alloc_id: each is made once and handed out again whenever no tensor
/// on it lives, until its group ends. Calls may come from any thread.
class Persistent {
 public:
  struct Request {
    std::uint64_t alloc_id = 0;
    std::size_t bytes = 0;
    Device device;
    std::string group;
  };

  /// The storage of a tensor and its memory. Allocates at the first use of an id.
  struct Storage {
    std::shared_ptr<void> share;
    void* pointer = nullptr;
  };
  Storage take(const Request& request, const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

  std::optional<std::uint64_t> id_of(const void* pointer) const;
  /// Ids of `group` start afresh. Memory with a living tensor goes with it.
  void forget_group(const std::string& group);

 private:
  struct Entry {
    Request request;
    std::shared_ptr<OwnedMemory> memory;
    std::weak_ptr<void> active;  ///< The storage last handed out.
  };

  mutable std::mutex mutex_;  ///< Guards entries_.
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace symmem
