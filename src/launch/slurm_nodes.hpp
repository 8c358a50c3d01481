// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace symmem {

/// Returns the first host of a Slurm node list: "gpu003" for "gpu[003-017,020],login1". Throws
/// Error(invalid_argument) if `list` does not parse.
std::string first_slurm_node(std::string_view list);

}  // namespace symmem
