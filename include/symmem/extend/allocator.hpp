// SPDX-License-Identifier: Apache-2.0
/// Allocators: objects that allocate symmetric memory on one device type.
///
/// Derive from SymmetricMemoryAllocator to add another kind of memory to a Context. The built-in
/// allocators are registered in the same way:
///
///   class MyAllocator : public symmem::SymmetricMemoryAllocator { ... };
///   context.register_allocator(symmem::DeviceType::host, std::make_shared<MyAllocator>());
///   auto buffer = context.allocate<float>(1024);  // calls MyAllocator
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "symmem/api.hpp"
#include "symmem/device.hpp"
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

class SymmetricMemory;

/// Arguments of SymmetricMemoryAllocator::allocate.
struct AllocationRequest {
  std::size_t bytes = 0;
  int device_index = 0;
  std::string group_name = {};
  std::size_t alignment = 256;  ///< In bytes; a power of two.
  bool populate = false;
  std::string name = {};
  std::optional<std::uint64_t> id = {};
};

/// Interface of an allocator of symmetric memory on one device type. Any thread may call any
/// function. A `ptr` argument may point anywhere into an allocation; for any other pointer the
/// function throws Error(invalid_argument). Only rendezvous may call the Context that called the
/// allocator.
class SymmetricMemoryAllocator {
 public:
  virtual ~SymmetricMemoryAllocator() = default;

  /// Allocates memory, aligned to 256 bytes and zeroed unless its range was used before. Local.
  /// `group_name` is the group whose ranks will share the memory.
  virtual void* alloc(std::size_t bytes, int device_index, const std::string& group_name) = 0;
  /// Allocates memory with all options of the request. The default implementation calls alloc(),
  /// which ignores the other options; the Context then refuses a pointer without the requested
  /// alignment.
  virtual void* allocate(const AllocationRequest& request) {
    return alloc(request.bytes, request.device_index, request.group_name);
  }
  /// Frees memory that alloc or allocate returned. A range that a group still uses is not reused
  /// until the group has closed it. Throws Error(invalid_argument) for memory that a Buffer or
  /// Tensor owns.
  virtual void free(void* ptr) = 0;
  /// Records whether a Buffer or Tensor owns the allocation that begins at `ptr`. While the
  /// allocation is owned, free must refuse it. Does not throw for memory from this allocator.
  virtual void set_owned(void* ptr, bool owned) {
    static_cast<void>(ptr), static_cast<void>(owned);
  }
  /// Returns the requested size in bytes, not the rounded size.
  virtual std::size_t get_alloc_size(void* ptr) const = 0;
  /// Implements Context::rendezvous. Collective over the group.
  virtual std::shared_ptr<SymmetricMemory> rendezvous(void* ptr, const std::string& group_name,
                                                      Timeout timeout = {}) = 0;
  /// Returns the result of an earlier rendezvous that is not closed, or null. Local.
  virtual std::shared_ptr<SymmetricMemory> get_symmetric_memory(
      void* ptr, const std::string& group_name) const = 0;
  /// Returns whether a group has completed a rendezvous of this allocation and has not closed it.
  virtual bool is_rendezvous_completed(void* ptr) const = 0;
  /// Returns false: symmem makes no multicast calls.
  virtual bool has_multicast_support(int device_index) const = 0;
};

}  // namespace symmem
