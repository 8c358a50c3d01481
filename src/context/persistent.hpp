// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "symmem/device.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

/// The allocations that have an alloc_id. Each is allocated once. Until its group ends, take()
/// returns the same memory again whenever the memory has no owner. Thread-safe.
class Persistent {
 public:
  /// Returns the memory of the id in `request`; allocates it at the first use of the id. Throws
  /// Error(invalid_argument) while a copy of the previous result lives, or if bytes, device or
  /// group differ from the first use.
  std::shared_ptr<void> take(DeviceType type, const AllocationRequest& request,
                             const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

  /// Removes the ids of `group`. Memory that has an owner is freed with its last owner.
  void forget_group(const std::string& group);

 private:
  struct Entry {
    Device device;
    AllocationRequest request;
    std::shared_ptr<void> memory;
    std::weak_ptr<void> active;  ///< The result of the last take.
  };

  mutable std::mutex mutex_;  ///< Guards entries_.
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace symmem
