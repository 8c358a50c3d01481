// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>
#include <string>

#include "symmem/symmem.hpp"

namespace symmem::harness {

/// An allocator as an application may write it: plain memory, for no rendezvous.
class PlainAllocator : public SymmetricMemoryAllocator {
 public:
  std::string asked;  ///< The last request.
  int living = 0;
  bool empty = false;  ///< It has nothing to give.

  void* alloc(std::size_t bytes, int device_index, const std::string& group) override {
    asked = std::to_string(bytes) + " on " + std::to_string(device_index) + " for " + group;
    if (empty) return nullptr;
    void* const at = ::operator new(bytes);
    ++living;
    return at;
  }
  void free(void* at) override {
    --living;
    ::operator delete(at);
  }
  std::size_t get_alloc_size(void*) const override { return 0; }
  std::shared_ptr<SymmetricMemory> rendezvous(void*, const std::string&, Timeout) override {
    throw Error(Errc::unsupported, "this one does not");
  }
  std::shared_ptr<SymmetricMemory> get_symmetric_memory(void*, const std::string&) const override {
    return nullptr;
  }
  bool is_rendezvous_completed(void*) const override { return false; }
  bool has_multicast_support(int) const override { return false; }
};

}  // namespace symmem::harness
