// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "launch/launch.hpp"

namespace symmem {

/// A program that starts ranks, by the variables that it sets. Where a variable goes by several
/// names, the first that is set counts.
struct Launcher {
  std::string name;
  std::vector<std::string> needs;  ///< Without all of these it was not this launcher.
  std::vector<std::string> rank, world_size, local_rank;
  /// The store's place, as far as the variables tell. Rank and world size are in `launch`.
  std::optional<StoreAddress> (*store)(const Environment&, const Launch& launch);
  bool doubtful = false;  ///< Other programs set these variables, too.
};

/// All launchers that symmem knows, the most trustworthy first.
const std::vector<Launcher>& launchers();

/// The first of `names` that is set; empty if none is.
std::string first_set(const Environment& environment, const std::vector<std::string>& names);

}  // namespace symmem
