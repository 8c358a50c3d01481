// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/environment.hpp"
#include "launch/launch.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Finds the identity of this process: from the options, else from the first launcher in
/// launchers() whose variables are set, else one rank alone. A local rank or a store address that
/// is missing is filled in from a later launcher with the same rank and world size, because some
/// launchers (srun with PMI) set the variables of several.
///
/// Throws Error(invalid_argument) that names the variable if only one of rank and world size is
/// set, if a value does not parse, or if the rank is out of range.
Launch find_launch(const Options& options, const Environment& environment);

}  // namespace symmem
