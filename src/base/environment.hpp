// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// The values of environment variables by name. Functions receive an Environment as an argument, so
/// that tests can pass their own variables.
using Environment = std::map<std::string, std::string, std::less<>>;

/// Returns a copy of this process's variables. Options and launcher variables are read from such a
/// copy. In the library only the ucx transport reads the process environment directly, for UCX_*
/// variables.
Environment process_environment();

/// Returns the value of `name`; empty if it is not set. An empty variable counts as not set.
std::string_view value_of(const Environment& environment, std::string_view name);

/// Returns the variables as "NAME=value" strings, the form that execve(2) expects.
std::vector<std::string> to_lines(const Environment& environment);

}  // namespace symmem
