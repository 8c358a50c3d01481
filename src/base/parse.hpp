// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

// Parsers of values that users write. Each parses the whole text, or returns empty: for a sign, a
// space, trailing text or a value out of range. The caller reports the allowed values.

/// Parses decimal digits.
std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t min, std::int64_t max);
/// Parses digits with a unit: 500ms, 30s, 2m, 1h.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text);
/// Parses digits with an optional power of 1024, in either case: 65536, 64k, 2m, 1g, 1t.
std::optional<std::int64_t> parse_size(std::string_view text);
/// Parses 1, on, true, yes or 0, off, false, no.
std::optional<bool> parse_flag(std::string_view text);

/// Splits `text` at each `separator`; an empty text has no parts.
std::vector<std::string> split(std::string_view text, char separator);

/// Return text that parse_time or parse_size parses to the same value, in the largest exact unit:
/// "2m".
std::string show_time(std::chrono::milliseconds time);
std::string show_size(std::int64_t bytes);

/// Returns `text` in quotes for one line of an error message: at most 100 bytes, and \xNN for each
/// byte that is not printable ASCII.
std::string in_quotes(std::string_view text);

/// Returns the Levenshtein distance: the least number of letters to add, remove or replace.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The parts of a store's URL, the value of SYMMEM_STORE: tcp://host:port[/job].
struct StoreUrl {
  std::string host;  ///< Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
  std::string job;
};
std::optional<StoreUrl> parse_store_url(std::string_view text);
/// The form that parse_store_url accepts, for messages.
inline constexpr const char* kStoreUrlForm =
    "tcp://host:port or tcp://host:port/job, port 1 to 65535, IPv6 addresses in brackets";

}  // namespace symmem
