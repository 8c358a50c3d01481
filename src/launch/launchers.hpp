// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "launch/launch.hpp"

namespace symmem {

/// A program that starts ranks, described by the environment variables that it sets. If several
/// variables are listed for a value, the first variable that is set is used.
struct Launcher {
  std::string name;
  std::vector<std::string> needs;  ///< All these variables must be set.
  std::vector<std::string> rank, world_size, local_rank;
  /// Derives the address of the store, or returns nullopt if the variables do not determine the
  /// address. `launch` contains rank and world size.
  std::optional<StoreAddress> (*store)(const Environment&, const Launch& launch);
  bool ambiguous = false;  ///< Other programs set these variables with other meanings.
};

/// Returns all supported launchers, ordered from the most to the least specific variables.
const std::vector<Launcher>& launchers();

/// Returns the first of `names` that is set, or an empty string if none is set.
std::string first_set(const Environment& environment, const std::vector<std::string>& names);

}  // namespace symmem
