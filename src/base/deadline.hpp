// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "symmem/timeout.hpp"

namespace symmem {

/// A point on the steady clock by which something must be done, and since when it has been tried.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// `timeout` from now, or `otherwise` if it is empty. Throws Error(invalid_argument) if negative.
  static Deadline in(Timeout timeout, std::chrono::milliseconds otherwise) {
    const auto wait = timeout.value_or(otherwise);
    require(wait.count() >= 0, Errc::invalid_argument,
            "timeout is {} ms; it must not be negative (0: only what is there already)",
            wait.count());
    // A century from now stands for "for ever" and keeps the sum below the clock's range.
    return Deadline(std::min(wait, std::chrono::milliseconds(std::chrono::hours(24 * 36500))));
  }

  /// This one, or `timeout` from now if that is sooner.
  Deadline or_sooner(std::chrono::milliseconds timeout) const {
    return Deadline(std::min(timeout, remaining()));
  }

  Clock::time_point when() const { return start_ + wait_; }
  bool expired() const { return Clock::now() >= when(); }
  /// Never negative; rounded up, so that a wait for it does not end early.
  std::chrono::milliseconds remaining() const {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(when() - Clock::now()),
                    std::chrono::milliseconds(0));
  }
  /// The same for poll(2), whose timeout is an int.
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
