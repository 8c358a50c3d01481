// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace symmem {

/// Returns whether this process can read and write every byte of [at, at+bytes). Returns true if
/// /proc is not available.
bool is_mapped(const void* at, std::size_t bytes);

}  // namespace symmem
