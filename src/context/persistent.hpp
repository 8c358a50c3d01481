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

/// The allocations that have an id. Each is allocated once and handed out again whenever nobody
/// holds it, until its group ends. Calls may come from any thread.
class Persistent {
 public:
  /// Returns the memory of `request`, which has an id; allocates it at the id's first use.
  /// Error(invalid_argument) while a copy of the last result lives, or if bytes, device or group
  /// differ from the first use.
  std::shared_ptr<void> take(DeviceType type, const AllocationRequest& request,
                             const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

  /// Forgets the ids of `group`. Memory with a living owner is freed with it.
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
