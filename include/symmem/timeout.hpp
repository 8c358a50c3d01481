// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

namespace symmem {

/// How long a call may wait. Empty: the option SYMMEM_TIMEOUT (30 s). Zero: only what is there
/// already. Negative: an error. Converts from any std::chrono duration of milliseconds or coarser.
using Timeout = std::optional<std::chrono::milliseconds>;

}  // namespace symmem
