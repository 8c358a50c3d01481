// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "symmem/types.hpp"

namespace symmem {

/// The time on the steady clock at which a wait fails, and the time at which the wait began.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// Returns the deadline `timeout` from now, or `fallback` from now if `timeout` is empty. Throws
  /// Error(invalid_argument) if the selected time is negative.
  static Deadline in(Timeout timeout, std::chrono::milliseconds fallback) {
    const auto wait = timeout.value_or(fallback);
    require(wait.count() >= 0, Errc::invalid_argument,
            "timeout is {} ms; it must not be negative (0 polls once)", wait.count());
    // The limit of 100 years is in effect no timeout. It prevents an overflow of the clock in
    // when().
    return Deadline(std::min(wait, std::chrono::milliseconds(std::chrono::hours(24 * 36500))));
  }

  /// Returns the earlier of this deadline and `timeout` from now.
  Deadline or_sooner(std::chrono::milliseconds timeout) const {
    return Deadline(std::min(timeout, remaining()));
  }

  Clock::time_point when() const { return start_ + wait_; }
  bool expired() const { return Clock::now() >= when(); }
  /// Returns the remaining time, rounded up so that a wait for this time does not end before the
  /// deadline. Returns 0 after the deadline.
  std::chrono::milliseconds remaining() const {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(when() - Clock::now()),
                    std::chrono::milliseconds(0));
  }
  /// Returns remaining() as a timeout for poll(2), in milliseconds.
  int remaining_for_poll() const {
    return static_cast<int>(std::min<std::int64_t>(remaining().count(), 1'000'000'000));
  }
  double elapsed_seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  std::chrono::milliseconds timeout() const { return wait_; }

 private:
  explicit Deadline(std::chrono::milliseconds wait) : start_(Clock::now()), wait_(wait) {}

  Clock::time_point start_;
  std::chrono::milliseconds wait_;
};

}  // namespace symmem
