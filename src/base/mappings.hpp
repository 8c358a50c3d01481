// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace symmem {

/// Whether this process can load and store all of [at, at+bytes). Returns true if that is unknown
/// (no /proc).
bool is_mapped(const void* at, std::size_t bytes);

}  // namespace symmem
