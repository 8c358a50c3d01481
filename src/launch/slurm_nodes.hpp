// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace symmem {

/// The first host of a Slurm node list such as "gpu[003-017,020],login1" or "rack[1-2]node[0-7]":
/// "gpu003". Throws Error(invalid_argument) for what is no such list.
std::string first_slurm_node(std::string_view list);

}  // namespace symmem
