// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

#include "symmem/error.hpp"

namespace symmem {

/// True if each new Error appends " [file:line]" to its message. The flag is process-wide, because
/// some code that throws an Error has no access to a Context. The first Log of level debug sets the
/// flag; the library never clears it.
extern std::atomic<bool> error_locations_shown;

/// Returns error.what() without " [file:line]". Errors are sent to other ranks in this form.
std::string text_without_location(const Error& error);

}  // namespace symmem
