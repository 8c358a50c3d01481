// SPDX-License-Identifier: Apache-2.0
/// Common argument types: timeouts, elements of typed puts and gets, atomic words.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace symmem {

/// Maximum time that a call waits. Empty: SYMMEM_TIMEOUT (30 s). Zero: polls once. Negative: throws
/// Error(invalid_argument). Converts from any std::chrono duration of milliseconds or coarser.
using Timeout = std::optional<std::chrono::milliseconds>;

/// Trivially copyable types except std::byte; the untyped calls take spans of std::byte.
template <typename T>
concept Element =
    std::is_trivially_copyable_v<T> && !std::is_same_v<std::remove_cv_t<T>, std::byte>;

/// Operand types of atomic operations: 32-bit and 64-bit integers.
template <typename T>
concept AtomicWord = std::same_as<T, std::int32_t> || std::same_as<T, std::uint32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint64_t>;

enum class AtomicOp : std::uint8_t { add, bit_and, bit_or, bit_xor, swap, compare_swap };

}  // namespace symmem
