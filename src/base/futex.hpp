// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace symmem {

/// Sleeps while `word` equals `expected`, for at most `timeout`; may return early. The word may be
/// in memory shared between processes.
void futex_wait(const std::uint32_t* word, std::uint32_t expected,
                std::chrono::nanoseconds timeout);
/// Wakes all threads of all processes that sleep on `word`.
void futex_wake_all(const std::uint32_t* word);

}  // namespace symmem
