// SPDX-License-Identifier: Apache-2.0
#include "base/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <utility>

namespace symmem {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

/// Splits `text` into its leading digits and the remaining text.
std::pair<std::string_view, std::string_view> split_digits(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  return {text.substr(0, end), text.substr(end)};
}

std::optional<std::int64_t> multiply(std::string_view digits, std::int64_t factor) {
  const auto value = parse_whole(digits, 0, kMax / factor);
  if (!value) return std::nullopt;
  return *value * factor;
}

using Unit = std::pair<std::string_view, std::int64_t>;
constexpr std::array<Unit, 4> kTimes = {{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kSizes = {
    {{"t", 1LL << 40}, {"g", 1LL << 30}, {"m", 1LL << 20}, {"k", 1LL << 10}, {"", 1}}};

template <std::size_t N>
std::string show(std::int64_t value, const std::array<Unit, N>& units) {
  for (const auto& [unit, factor] : units)
    if (value != 0 && value % factor == 0) return fmt::format("{}{}", value / factor, unit);
  return fmt::format("{}{}", value, units.back().first);
}

/// Returns whether `text` consists of ASCII letters, digits and characters in `also`.
bool consists_of(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           also.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.front() == '-' || value < min || value > max) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> parse_time(std::string_view text) {
  const auto [digits, unit] = split_digits(text);
  for (const auto& [name, factor] : kTimes)
    if (name == unit)
      if (const auto value = multiply(digits, factor)) return std::chrono::milliseconds(*value);
  return std::nullopt;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const auto [digits, unit] = split_digits(text);
  std::string small(unit);
  if (small.size() == 1 && small[0] >= 'A' && small[0] <= 'Z')
    small[0] = static_cast<char>(small[0] - 'A' + 'a');
  for (const auto& [name, factor] : kSizes)
    if (name == small) return multiply(digits, factor);
  return std::nullopt;
}

std::optional<bool> parse_flag(std::string_view text) {
  for (const std::string_view yes : {"1", "on", "true", "yes"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "off", "false", "no"})
    if (text == no) return false;
  return std::nullopt;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string show_time(std::chrono::milliseconds time) { return show(time.count(), kTimes); }
std::string show_size(std::int64_t bytes) { return show(bytes, kSizes); }

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMaxShown = 100;
  std::string shown = "\"";
  for (const char c : text.substr(0, kMaxShown)) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
      shown.push_back(c);
    else
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return shown + (text.size() > kMaxShown ? "...\"" : "\"");
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // The distances between one prefix of `a` and every prefix of `b`.
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::optional<StoreUrl> parse_store_url(std::string_view text) {
  constexpr std::string_view kScheme = "tcp://";
  constexpr std::size_t kMaxLetters = 255;
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view address = text.substr(0, slash), job = text.substr(slash);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = address.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Only IPv6 addresses may contain ':' and '%' (before a scope). Some real host names contain '_'.
  if (host.empty() || host.size() > kMaxLetters || !consists_of(host, bracketed ? ".:%-_" : ".-_"))
    return std::nullopt;
  const auto port = parse_whole(address.substr(colon + 1), 1, 65535);
  if (!port) return std::nullopt;
  StoreUrl url{std::string(host), static_cast<std::uint16_t>(*port), {}};
  if (job.empty()) return url;
  url.job = job.substr(1);
  if (url.job.empty() || url.job.size() > kMaxLetters || !consists_of(url.job, ".-_@"))
    return std::nullopt;
  return url;
}

}  // namespace symmem
