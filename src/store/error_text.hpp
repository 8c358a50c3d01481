// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/parse.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::store {

/// Parts of the store's error messages.

/// Returns "(host a, pid 17)".
std::string name_of(const Process& process);
/// Returns "rank 2 (host a, pid 17)".
std::string name_of(int rank, const Process& process);
/// Returns "a, b, c"; only the first 16, then "and 5 more".
std::string enumerate(const std::vector<std::string>& names);
/// Follows a list of missing ranks: late ranks receive the same text.
inline constexpr std::string_view kIfMissing =
    "; a missing rank that receives this error called too late or made another call";
/// Makes a text from another process fit for errors and logs: at most `most` bytes, each outside
/// printable ASCII replaced by '?'.
std::string printable(std::string text, std::size_t most);
/// Longest host name in bytes; Linux allows 64.
inline constexpr std::size_t kMaxHostName = 255;
/// Returns "0.250 s".
std::string seconds(std::chrono::steady_clock::duration duration);

}  // namespace symmem::store
