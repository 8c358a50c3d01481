// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>
#include <string>

#include "symmem/extend/allocator.hpp"
#include "symmem/symmem.hpp"

namespace symmem::harness {

/// An allocator that an application may write: memory from operator new, without rendezvous.
class PlainAllocator : public SymmetricMemoryAllocator {
 public:
  std::string last_request;
  int allocations = 0;           ///< Number of allocations that are not freed.
  bool exhausted = false;        ///< If true, alloc returns null.
  std::size_t misalignment = 0;  ///< Bytes that alloc adds to an aligned address.

  void* alloc(std::size_t bytes, int device_index, const std::string& group) override {
    last_request = std::to_string(bytes) + " on " + std::to_string(device_index) + " for " + group;
    if (exhausted) return nullptr;
    ++allocations;
    return static_cast<std::byte*>(::operator new(bytes + misalignment, kAlignment)) + misalignment;
  }
  void free(void* pointer) override {
    --allocations;
    ::operator delete(static_cast<std::byte*>(pointer) - misalignment, kAlignment);
  }
  std::size_t get_alloc_size(void*) const override { return 0; }
  std::shared_ptr<SymmetricMemory> rendezvous(void*, const std::string&, Timeout) override {
    throw Error(Errc::unsupported, "this allocator has no rendezvous");
  }
  std::shared_ptr<SymmetricMemory> get_symmetric_memory(void*, const std::string&) const override {
    return nullptr;
  }
  bool is_rendezvous_completed(void*) const override { return false; }
  bool has_multicast_support(int) const override { return false; }

 private:
  static constexpr std::align_val_t kAlignment{256};
};

}  // namespace symmem::harness
