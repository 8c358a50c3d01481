// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace symmem {

/// Allocates the pages of [at, at+bytes) now instead of at their first access; keeps their
/// contents. The range must be mapped writable and may be in use by other threads and processes.
/// Blocks while the kernel zeroes pages. Throws Error(exhausted) if host or cgroup lack the memory.
void populate(std::byte* at, std::size_t bytes);

/// Does the same by an access to each page, and trusts that the memory is available: for kernels
/// before 5.14, which lack MADV_POPULATE_WRITE.
void touch_pages(std::byte* at, std::size_t bytes);

}  // namespace symmem
