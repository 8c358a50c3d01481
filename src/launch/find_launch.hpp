// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/environment.hpp"
#include "launch/launch.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Determines the rank and the world size of this process from the options or, if they are not set,
/// from the first launcher in launchers() whose variables are set. If no launcher matches, the
/// process is a single rank. Some launchers (srun with PMI) set the variables of several
/// launchers. Therefore a missing local rank or store address is read from launchers further down
/// the list that set the same rank and world size.
///
/// Throws Error(invalid_argument) that names the variable if only one of rank and world size is
/// set, if a value does not parse, or if the rank is out of range.
Launch find_launch(const Options& options, const Environment& environment);

}  // namespace symmem
