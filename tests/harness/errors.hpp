// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <concepts>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "symmem/error.hpp"

namespace symmem::harness {

/// Fails the running test and reports the source line `site`.
inline void fail_at(std::source_location site, const std::string& why) {
  ADD_FAIL_CHECK_AT(site.file_name(), static_cast<int>(site.line()), why);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Returns the Error that `call` throws, or an empty value if `call` throws no Error.
inline std::optional<Error> error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

/// Checks that `error` is set, has the code `code`, and has a message that contains all of `parts`.
inline void check_error(const std::optional<Error>& error, Errc code,
                        const std::vector<std::string>& parts = {},
                        std::source_location site = std::source_location::current()) {
  if (!error) return fail_at(site, "no Error was thrown");
  const std::string message = std::string(to_string(error->code())) + ": " + error->what();
  if (error->code() != code)
    fail_at(site, "expected " + std::string(to_string(code)) + ", got " + message);
  for (const std::string& part : parts)
    if (!contains(message, part)) fail_at(site, "\"" + part + "\" is not in: " + message);
}

/// Checks the Error that `call` throws.
template <std::invocable Call>
void check_error(const Call& call, Errc code, const std::vector<std::string>& parts = {},
                 std::source_location site = std::source_location::current()) {
  check_error(error_of(call), code, parts, site);
}

/// Checks that each rank has an Error with `code` and `parts`, and that all messages are equal.
inline void check_alike(const std::vector<std::optional<Error>>& errors, Errc code,
                        const std::vector<std::string>& parts = {},
                        std::source_location site = std::source_location::current()) {
  for (const auto& error : errors) {
    check_error(error, code, parts, site);
    if (!error || !errors[0]) continue;
    const std::string first = errors[0]->what(), other = error->what();
    if (first != other) fail_at(site, "the ranks' errors differ: " + first + " / " + other);
  }
}

/// Checks that no rank failed.
inline void check_none(const std::vector<std::optional<Error>>& errors,
                       std::source_location site = std::source_location::current()) {
  for (std::size_t rank = 0; rank < errors.size(); ++rank)
    if (errors[rank]) fail_at(site, "rank " + std::to_string(rank) + ": " + errors[rank]->what());
}

}  // namespace symmem::harness
