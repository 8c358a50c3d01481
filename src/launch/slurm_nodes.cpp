// SPDX-License-Identifier: Apache-2.0
#include "launch/slurm_nodes.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/parse.hpp"

namespace symmem {
namespace {

constexpr std::string_view kDigits = "0123456789";

[[noreturn]] void refuse(std::string_view list) {
  fail(Errc::invalid_argument,
       "{} is not a Slurm node list: expected names such as gpu7 or gpu[003-017,020]",
       in_quotes(list));
}

/// Removes a list such as "003-017,020]" from the front of `rest` and returns its first number,
/// "003".
std::string take_first_of_range(std::string_view& rest, std::string_view list) {
  const std::size_t end = rest.find(']');
  if (end == std::string_view::npos) refuse(list);
  const std::string_view ranges = rest.substr(0, end);
  if (ranges.empty() || ranges.find_first_not_of("0123456789-,") != std::string_view::npos)
    refuse(list);
  rest.remove_prefix(end + 1);
  // Keep leading zeros: they are part of the name.
  const std::string_view first =
      ranges.substr(0, std::min(ranges.find_first_not_of(kDigits), ranges.size()));
  if (first.empty()) refuse(list);
  return std::string(first);
}

}  // namespace

std::string first_slurm_node(std::string_view list) {
  std::string name;
  for (std::string_view rest = list; !rest.empty() && rest.front() != ',';) {
    const char next = rest.front();
    rest.remove_prefix(1);
    if (next == '[') {
      name += take_first_of_range(rest, list);
    } else {
      const bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
                          (next >= '0' && next <= '9') || next == '-' || next == '.' || next == '_';
      if (!letter) refuse(list);
      name += next;
    }
  }
  if (name.empty() || name.size() > 255) refuse(list);
  return name;
}

}  // namespace symmem
