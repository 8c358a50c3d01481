// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace symmem {

/// Allocates the pages of [at, at+bytes) now instead of at the first access to each page. Does not
/// change the contents. The range must be mapped writable; other threads and processes may use it
/// meanwhile. Blocks while the kernel zeroes pages. Throws Error(exhausted) if the host or the
/// cgroup does not have enough memory.
void populate(std::byte* at, std::size_t bytes);

/// Allocates the pages of [at, at+bytes) by an access to each page; does not check that memory is
/// available. For kernels before 5.14, which do not support MADV_POPULATE_WRITE.
void touch_pages(std::byte* at, std::size_t bytes);

}  // namespace symmem
