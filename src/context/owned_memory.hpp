// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "symmem/device.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

/// Allocates and returns the memory; its last copy frees it. Until then the allocator's free
/// refuses it: memory freed behind its owner's back would be freed again, by then another's. Throws
/// Error(exhausted) if the allocator returns null.
std::shared_ptr<void> allocate_owned(DeviceType type, const AllocationRequest& request,
                                     const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

}  // namespace symmem
