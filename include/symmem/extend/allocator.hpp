// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "symmem/api.hpp"
#include "symmem/device.hpp"
#include "symmem/timeout.hpp"

namespace SYMMEM_API symmem {

class SymmetricMemory;

/// Makes symmetric memory of one device type. Lives in the allocator map of a Context. Calls may
/// come from any thread. A pointer may point anywhere into an allocation; one that points into none
/// is Error(invalid_argument). alloc must not call the Context that called it.
class SymmetricMemoryAllocator {
 public:
  virtual ~SymmetricMemoryAllocator() = default;
  /// Allocates, locally: no other rank takes part. Aligned to 256 bytes, zeroed when the range was
  /// never used before. `group_name` names the group that the memory's block serves.
  virtual void* alloc(std::size_t bytes, int device_index, const std::string& group_name) = 0;
  /// Gives back what alloc returned. While a group still has it rendezvoused the range stays as it
  /// is, unused, until that group closed it. Error(invalid_argument) for a tensor's memory.
  virtual void free(void* ptr) = 0;
  /// Bytes as asked for, not as rounded.
  virtual std::size_t get_alloc_size(void* ptr) const = 0;
  /// Collective over the group; see Context::rendezvous.
  virtual std::shared_ptr<SymmetricMemory> rendezvous(void* ptr, const std::string& group_name,
                                                      Timeout timeout = {}) = 0;
  /// The result of an earlier rendezvous that is not closed, or null. Local.
  virtual std::shared_ptr<SymmetricMemory> get_symmetric_memory(
      void* ptr, const std::string& group_name) const = 0;
  /// Tells whether any group has this allocation rendezvoused and not closed.
  virtual bool is_rendezvous_completed(void* ptr) const = 0;
  /// symmem makes no multicast calls: false.
  virtual bool has_multicast_support(int device_index) const = 0;
};

}  // namespace symmem
