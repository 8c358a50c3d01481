// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace symmem::store {

/// Reads a shared secret: the file's bytes without one newline at the end. Throws Error(refused) if
/// other users may access the file, Error(invalid_argument) if it is unreadable, empty or over
/// 1 KiB. No error contains its bytes.
std::string read_secret_file(const std::string& path);

/// Computes HMAC-SHA256: 32 bytes.
std::string hmac_sha256(const std::string& secret, std::string_view message);

/// Compares in a time that does not depend on the contents.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace symmem::store
