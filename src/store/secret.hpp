// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace symmem::store {

/// Reads a shared secret: the file's bytes but one newline at its end. Error(refused) if anybody
/// but the owner may read it, Error(invalid_argument) if it cannot be read, is empty or over 1 KiB.
/// No error has any of the content.
std::string read_secret_file(const std::string& path);

/// HMAC-SHA256, 32 bytes.
std::string hmac_sha256(const std::string& secret, std::string_view message);

/// Compares in a time that does not depend on where the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace symmem::store
