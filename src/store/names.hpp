// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/parse.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::store {

/// How error messages of the store name things.

/// "(host a, pid 17)"
std::string name_of(const Process& process);
/// "rank 2 (host a, pid 17)"
std::string name_of(int rank, const Process& process);
/// "a, b, c"; after 16 "and 5 more": a message is read by people.
std::string enumerate(const std::vector<std::string>& names);
/// Behind a list of the missing: the verdict is one text for all ranks, and late ones read it, too.
inline constexpr std::string_view kIfMissing =
    "; a missing rank that reads this came too late, or was in another call";
/// As much of a text from outside as belongs into the errors and logs of others: up to `most`
/// bytes, and nothing for their terminals.
std::string printable(std::string text, std::size_t most);
/// As gethostname(2) has it on Linux, with room to spare.
inline constexpr std::size_t kMaxHostName = 255;
/// "0.250 s"
std::string seconds(std::chrono::steady_clock::duration duration);

}  // namespace symmem::store
