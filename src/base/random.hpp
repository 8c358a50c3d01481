// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace symmem {

/// Bytes from the kernel's random generator: fit for secrets and for names that must not collide.
std::string random_bytes(std::size_t count);
std::uint64_t random_u64();
/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(std::string_view bytes);

}  // namespace symmem
