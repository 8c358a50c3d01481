// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// Variables by name. Passed around as a value, so that what depends on them can be tested.
using Environment = std::map<std::string, std::string, std::less<>>;

/// A copy of this process's variables. Options and launchers are read from such a copy; only the
/// transport ucx looks for itself which of UCX's own the user has set.
Environment process_environment();

/// The value of `name`; empty if it is not set. An empty variable counts as one that is not set.
std::string_view value_of(const Environment& environment, std::string_view name);

/// "NAME=value" lines, as exec takes them.
std::vector<std::string> to_lines(const Environment& environment);

}  // namespace symmem
