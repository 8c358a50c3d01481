// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/check.hpp"

namespace symmem {

/// Checks that the caller's local span is not null and ends within the address space. Does not
/// check that the memory is accessible.
inline void check_local(const void* local, std::size_t bytes, const char* operation) {
  if (local == nullptr && bytes != 0) [[unlikely]]
    fail(Errc::invalid_argument, "{}: the local span is null and has {} bytes", operation, bytes);
  constexpr std::uintptr_t kMax = std::numeric_limits<std::uintptr_t>::max();
  if (bytes > kMax - reinterpret_cast<std::uintptr_t>(local)) [[unlikely]]
    fail(Errc::invalid_argument, "{}: {} bytes at local address {} exceed the address space",
         operation, bytes, local);
}
inline void check_local(std::span<const std::byte> local, const char* operation) {
  check_local(local.data(), local.size(), operation);
}

}  // namespace symmem
