// SPDX-License-Identifier: Apache-2.0
#include "context/owned_memory.hpp"

#include <cstdint>

#include "base/check.hpp"
#include "base/fork.hpp"

namespace symmem {

std::shared_ptr<void> allocate_owned(DeviceType type, const AllocationRequest& request,
                                     const std::shared_ptr<SymmetricMemoryAllocator>& allocator) {
  void* const memory = allocator->allocate(request);
  require(memory != nullptr, Errc::exhausted,
          "the allocator registered for {} returned null for {} bytes", to_string(type),
          request.bytes);
  if (reinterpret_cast<std::uintptr_t>(memory) % request.alignment != 0) {
    allocator->free(memory);
    fail(Errc::unsupported,
         "the allocator registered for {} returned {}, which is not aligned to {} bytes",
         to_string(type), memory, request.alignment);
  }
  allocator->set_owned(memory, true);
  return {memory, [allocator, fork = ForkGuard()](void* owned) {
            if (fork.forked()) return;  // The memory and the allocator's lock belong to the parent.
            try {
              allocator->set_owned(owned, false);
              allocator->free(owned);
            } catch (...) {  // An application's allocator may throw any type.
            }
          }};
}

}  // namespace symmem
