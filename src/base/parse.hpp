// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// Readers of the values that people write. Each takes the whole text or nothing: a sign, a space,
/// a rest or a value out of range is "nothing", and the caller says what is allowed.

/// Decimal digits only.
std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t min, std::int64_t max);
/// Digits with a unit: 500ms, 30s, 2m, 1h.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text);
/// Digits, with or without a power of 1024 behind them: 65536, 64k, 2m, 1g, 1t in either case.
std::optional<std::int64_t> parse_size(std::string_view text);
/// 1, on, true, yes; 0, off, false, no.
std::optional<bool> parse_flag(std::string_view text);

/// Splits at every `separator`; an empty text has no parts.
std::vector<std::string> split(std::string_view text, char separator);

/// What the readers read, in the largest unit that is exact: "2m".
std::string show_time(std::chrono::milliseconds time);
std::string show_size(std::int64_t bytes);

/// `text` in quotes, fit for one line of an error: cut after 100 bytes, what is not printable ASCII
/// as \xNN.
std::string in_quotes(std::string_view text);

/// How many letters must be added, removed or replaced to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Where a store is, as SYMMEM_STORE has it: tcp://host:port[/job].
struct StoreUrl {
  std::string host;  ///< Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
  std::string job;
};
std::optional<StoreUrl> parse_store_url(std::string_view text);
/// For messages: what parse_store_url takes.
inline constexpr const char* kStoreUrlForm =
    "tcp://host:port or tcp://host:port/job, port 1 to 65535, IPv6 addresses in brackets";

}  // namespace symmem
