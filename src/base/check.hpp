// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "symmem/error.hpp"

namespace symmem {

/// A format string with the source location of the call that passes it. A default argument cannot
/// follow a parameter pack, so this implicit conversion captures the location.
template <typename... Args>
struct LocatedFormat {
  template <typename Text>
  consteval LocatedFormat(const Text& text,
                          std::source_location caller = std::source_location::current())
      : format(text), where(caller) {}

  fmt::format_string<Args...> format;
  std::source_location where;
};

/// Throws Error(code) with a formatted message and the caller's location.
template <typename... Args>
[[noreturn]] void fail(Errc code, LocatedFormat<std::type_identity_t<Args>...> format,
                       Args&&... args) {
  throw Error(code, fmt::format(format.format, std::forward<Args>(args)...), format.where);
}

/// Throws Error for a failed system call. The message is `operation`, which includes the arguments
/// of the call, followed by the text of `error` (errno). The code is `exhausted` if the kernel has
/// run out of memory, descriptors, disk space or similar, else `internal`.
[[noreturn]] void fail_errno(int error, std::string operation,
                             std::source_location caller = std::source_location::current());

/// Throws Error(code) with a formatted message and the caller's location unless `ok` is true.
template <typename... Args>
void require(bool ok, Errc code, LocatedFormat<std::type_identity_t<Args>...> format,
             Args&&... args) {
  if (!ok) [[unlikely]]
    fail(code, format, std::forward<Args>(args)...);
}

}  // namespace symmem
