// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

// The functions below parse values that users write. A parser returns nullopt if the text contains
// a sign, a space or trailing characters, or if the value is out of range. The caller reports the
// allowed values.

/// Parses a decimal integer from `min` to `max`.
std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t min, std::int64_t max);
/// Parses digits with a unit: 500ms, 30s, 2m, 1h.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text);
/// Parses digits with an optional unit k, m, g or t (powers of 1024), in upper or lower case: 64k.
std::optional<std::int64_t> parse_size(std::string_view text);
/// Parses 1, on, true, yes or 0, off, false, no.
std::optional<bool> parse_flag(std::string_view text);

/// Splits `text` at each `separator`. Returns an empty vector for an empty text.
std::vector<std::string> split(std::string_view text, char separator);

/// show_time and show_size format a value in the largest unit that represents it exactly: "2m".
/// parse_time and parse_size parse the text to the same value.
std::string show_time(std::chrono::milliseconds time);
std::string show_size(std::int64_t bytes);

/// Returns `text` in double quotes, for one line of an error message. Truncates `text` to 100
/// bytes. Replaces each quote, each backslash and each byte that is not printable ASCII by \xNN.
std::string in_quotes(std::string_view text);

/// Returns the Levenshtein distance: the minimum number of characters to insert, delete or replace.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The components of a store URL such as the value of SYMMEM_STORE: tcp://host:port[/job].
struct StoreUrl {
  std::string host;  ///< An IPv6 address has no brackets here.
  std::uint16_t port = 0;
  std::string job;
};
std::optional<StoreUrl> parse_store_url(std::string_view text);
/// A description of the form that parse_store_url accepts, for use in messages.
inline constexpr const char* kStoreUrlForm =
    "tcp://host:port or tcp://host:port/job, port 1 to 65535, IPv6 addresses in brackets";

}  // namespace symmem
