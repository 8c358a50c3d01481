// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "launch/launch.hpp"

namespace symmem {

/// A program that starts ranks, described by the environment variables that it sets. If a variable
/// has several names, the first one that is set is read.
struct Launcher {
  std::string name;
  std::vector<std::string> needs;  ///< The launcher counts only if all of these are set.
  std::vector<std::string> rank, world_size, local_rank;
  /// Derives the address of the store; empty if the variables do not determine it. `launch` holds
  /// rank and world size.
  std::optional<StoreAddress> (*store)(const Environment&, const Launch& launch);
  bool ambiguous = false;  ///< Other programs set these variables, with other meanings.
};

/// Returns all known launchers, the most specific variables first.
const std::vector<Launcher>& launchers();

/// Returns the first of `names` that is set; empty if none is.
std::string first_set(const Environment& environment, const std::vector<std::string>& names);

}  // namespace symmem
