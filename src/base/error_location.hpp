// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

#include "symmem/error.hpp"

namespace symmem {

/// Whether a new Error appends " [file:line]" to its message. Process-wide, because an Error is
/// thrown where no Context is known. The first Log of level debug sets it; nothing resets it.
extern std::atomic<bool> error_locations_shown;

/// Returns what() without " [file:line]": the text to send to another rank.
std::string text_without_location(const Error& error);

}  // namespace symmem
