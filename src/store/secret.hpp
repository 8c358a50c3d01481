// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace symmem::store {

/// Reads a shared secret from a file and removes one trailing newline, if present. Throws
/// Error(refused) if other users may access the file, Error(invalid_argument) if the file is
/// unreadable or the secret is empty or larger than 1 KiB. No error contains bytes of the secret.
std::string read_secret_file(const std::string& path);

/// Returns the HMAC-SHA256 of `message` (32 bytes).
std::string hmac_sha256(const std::string& secret, std::string_view message);

/// Compares two strings in a time that does not depend on their contents.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace symmem::store
