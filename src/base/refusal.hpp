// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "symmem/extend/transport.hpp"

namespace symmem {

/// An exception that a transport throws internally if it cannot export or attach a block. In the
/// library only offer() catches it. It is not an Error, because an Error that leaves export_block
/// or attach fails the rendezvous.
struct Refusal {
  std::string reason;
};

/// Throws Refusal with a formatted reason.
template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal{fmt::format(format, std::forward<Args>(args)...)};
}

/// Throws Refusal with a formatted reason unless `possible` is true.
template <typename... Args>
void refuse_unless(bool possible, fmt::format_string<Args...> format, Args&&... args) {
  if (!possible) refuse(format, std::forward<Args>(args)...);
}

/// Returns an Offer with the shared_ptr that `make` returns. If `make` throws Refusal, returns a
/// refused Offer with the reason.
template <typename T, typename Make>
Offer<T> offer(Make make) {
  try {
    return {make(), {}};
  } catch (const Refusal& refusal) {
    return Offer<T>::refuse(refusal.reason);
  }
}

}  // namespace symmem
