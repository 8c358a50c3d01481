// SPDX-License-Identifier: Apache-2.0
/// Allocators: what makes symmetric memory of one device type.
///
/// Derive from SymmetricMemoryAllocator to give a Context memory of your own kind; the built-in
/// allocators are registered the same way:
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

/// One allocation that a Context asks for.
struct AllocationRequest {
  std::size_t bytes = 0;
  int device_index = 0;
  std::string group_name = {};
  std::size_t alignment = 256;  ///< Bytes, a power of two.
  bool populate = false;
  std::string name = {};
  std::optional<std::uint64_t> id = {};
};

/// Makes symmetric memory of one device type. Calls may come from any thread. A pointer may point
/// anywhere into an allocation; one that points into none is Error(invalid_argument). No function
/// but rendezvous may call the Context that called it.
class SymmetricMemoryAllocator {
 public:
  virtual ~SymmetricMemoryAllocator() = default;

  /// Allocates. Local. Aligned to 256 bytes; zeroed unless the range was used before. `group_name`
  /// names the group whose ranks will share the memory.
  virtual void* alloc(std::size_t bytes, int device_index, const std::string& group_name) = 0;
  /// Allocates with more wishes. By default alloc(), which ignores them; the Context then refuses a
  /// pointer that is not aligned as requested.
  virtual void* allocate(const AllocationRequest& request) {
    return alloc(request.bytes, request.device_index, request.group_name);
  }
  /// Frees what alloc returned. A range that a group still has in use is not reused before that
  /// group closed it. Error(invalid_argument) for memory that a Buffer or Tensor owns.
  virtual void free(void* ptr) = 0;
  /// Says whether a Buffer or Tensor owns the allocation that begins at `ptr`; while one does, free
  /// must refuse it. Does not throw for memory of this allocator.
  virtual void set_owned(void* ptr, bool owned) {
    static_cast<void>(ptr), static_cast<void>(owned);
  }
  /// Bytes as requested, not as rounded.
  virtual std::size_t get_alloc_size(void* ptr) const = 0;
  /// Collective over the group: see Context::rendezvous.
  virtual std::shared_ptr<SymmetricMemory> rendezvous(void* ptr, const std::string& group_name,
                                                      Timeout timeout = {}) = 0;
  /// The result of an earlier rendezvous that is not closed, or null. Local.
  virtual std::shared_ptr<SymmetricMemory> get_symmetric_memory(
      void* ptr, const std::string& group_name) const = 0;
  /// True if some group has rendezvoused this allocation and not closed it.
  virtual bool is_rendezvous_completed(void* ptr) const = 0;
  /// symmem makes no multicast calls: false.
  virtual bool has_multicast_support(int device_index) const = 0;
};

}  // namespace symmem
