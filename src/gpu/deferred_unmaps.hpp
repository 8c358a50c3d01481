// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <vector>

namespace symmem::cuda {

/// Memory that work on these devices may still use: unmapped as soon as all is done that was
/// enqueued there until now. Returns soon, and never throws. A capture of one of their streams is
/// spoiled by that, in whatever mode; the memory is then unmapped by a later call.
void unmap_when_idle(const std::vector<int>& devices, CUdeviceptr at, std::size_t bytes) noexcept;
/// Unmaps what has become idle meanwhile. Spoils no capture: so memory given up during one stays.
void unmap_idle() noexcept;

}  // namespace symmem::cuda
