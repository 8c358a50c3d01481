// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace symmem {

/// Returns `count` bytes from the kernel's random number generator, which are suitable for secrets
/// and for unique names.
std::string random_bytes(std::size_t count);
std::uint64_t random_u64();
/// Returns two lower-case hexadecimal digits for each byte.
std::string to_hex(std::string_view bytes);

}  // namespace symmem
