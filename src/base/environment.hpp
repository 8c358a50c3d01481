// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// Environment variables by name. Passed as a value, so that tests can supply their own.
using Environment = std::map<std::string, std::string, std::less<>>;

/// Returns a copy of this process's variables. Options and launchers are parsed from such a copy.
/// Only the transport ucx reads the process environment itself, for the variables of UCX.
Environment process_environment();

/// Returns the value of `name`; empty if it is not set. An empty variable counts as not set.
std::string_view value_of(const Environment& environment, std::string_view name);

/// Returns the variables as "NAME=value" strings, the form that exec takes.
std::vector<std::string> to_lines(const Environment& environment);

}  // namespace symmem
