// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace symmem {

/// Sleeps while `word` is `expected`, at most `timeout`; may return early. The word may lie in
/// memory shared between processes.
void futex_wait(const std::uint32_t* word, std::uint32_t expected,
                std::chrono::nanoseconds timeout);
/// Wakes all who sleep on `word`, in any process.
void futex_wake_all(const std::uint32_t* word);

}  // namespace symmem
