// SPDX-License-Identifier: Apache-2.0
#include "store/error_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace symmem::store {

std::string name_of(const Process& process) {
  return fmt::format("(host {}, pid {})", process.host, process.pid);
}

std::string name_of(int rank, const Process& process) {
  return fmt::format("rank {} {}", rank, name_of(process));
}

std::string enumerate(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 16;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::string printable(std::string text, std::size_t most) {
  text.resize(std::min(text.size(), most));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

std::string seconds(std::chrono::steady_clock::duration duration) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(duration).count());
}

}  // namespace symmem::store
