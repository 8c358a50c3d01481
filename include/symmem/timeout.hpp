// SPDX-License-Identifier: Apache-2.0
/// Timeouts: how long one call may wait.
///
///   memory->barrier(/*channel=*/0, std::chrono::seconds(5));
#pragma once

#include <chrono>
#include <optional>

namespace symmem {

/// How long a call may wait. Empty: the option SYMMEM_TIMEOUT (30 s). Zero: one poll. Negative:
/// Error(invalid_argument). Converts from any std::chrono duration of milliseconds or coarser.
using Timeout = std::optional<std::chrono::milliseconds>;

}  // namespace symmem
