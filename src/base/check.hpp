// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "symmem/error.hpp"

namespace symmem {

/// Throws Error(code) with a formatted message.
template <typename... Args>
[[noreturn]] void fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error(internal or exhausted) for a failed system call: `what`, the values, then errno's
/// text. Running out of memory, descriptors or space is `exhausted`.
[[noreturn]] void fail_errno(int error, std::string what);

/// Throws Error(code) unless `ok`.
template <typename... Args>
void require(bool ok, Errc code, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    fail(code, format, std::forward<Args>(args)...);
}

}  // namespace symmem
