// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/parse.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::store {

/// Functions that format parts of the store's error messages.

/// Returns a text such as "(host a, pid 17)".
std::string name_of(const Process& process);
/// Returns a text such as "rank 2 (host a, pid 17)".
std::string name_of(int rank, const Process& process);
/// Returns a list such as "a, b, c". Lists at most 16 names and then the number of other names,
/// such as "and 5 more".
std::string enumerate(const std::vector<std::string>& names);
/// Appended to a list of missing ranks, because late ranks receive the same error.
inline constexpr std::string_view kIfMissing =
    "; a missing rank that receives this error called too late or made another call";
/// Sanitises a text from another process for errors and logs: truncates it to `most` bytes and
/// replaces each byte outside printable ASCII with '?'.
std::string printable(std::string text, std::size_t most);
/// Maximum length of a host name in bytes; Linux allows 64.
inline constexpr std::size_t kMaxHostName = 255;
/// Returns a text such as "0.250 s".
std::string seconds(std::chrono::steady_clock::duration duration);

}  // namespace symmem::store
