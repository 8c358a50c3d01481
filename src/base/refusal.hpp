// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "symmem/extend/transport.hpp"

namespace symmem {

/// Thrown inside a transport where it finds that it cannot reach a block. Only offer() catches it.
/// Not an Error: an Error that leaves export_block or attach fails the rendezvous.
struct Refusal {
  std::string reason;
};

/// Throws Refusal with a formatted reason.
template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal{fmt::format(format, std::forward<Args>(args)...)};
}

/// Throws Refusal unless `possible`.
template <typename... Args>
void refuse_unless(bool possible, fmt::format_string<Args...> format, Args&&... args) {
  if (!possible) refuse(format, std::forward<Args>(args)...);
}

/// Returns the result of `make` (a shared_ptr), or the Refusal that it throws as Offer::refuse.
template <typename T, typename Make>
Offer<T> offer(Make make) {
  try {
    return {make(), {}};
  } catch (const Refusal& refusal) {
    return Offer<T>::refuse(refusal.reason);
  }
}

}  // namespace symmem
