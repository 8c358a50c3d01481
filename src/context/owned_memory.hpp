// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "symmem/device.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

/// Allocates memory that is freed with the last copy of the returned pointer. Until then the
/// allocator's free() refuses the memory, which prevents a double free. Throws Error(exhausted) if
/// the allocator returns null.
std::shared_ptr<void> allocate_owned(DeviceType type, const AllocationRequest& request,
                                     const std::shared_ptr<SymmetricMemoryAllocator>& allocator);

}  // namespace symmem
