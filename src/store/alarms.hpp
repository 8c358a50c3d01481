// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace symmem::store {

using Clock = std::chrono::steady_clock;

/// A queue of actions to run at given times. Has no clock and no thread: the owner calls run().
class Alarms {
  using Key = std::pair<Clock::time_point, std::uint64_t>;

 public:
  /// RAII: the destructor cancels the action. Must not outlive the Alarms.
  class Alarm {
   public:
    Alarm() = default;
    Alarm(Alarms& alarms, Key key) : alarms_(&alarms), key_(key) {}
    Alarm(Alarm&& other) noexcept
        : alarms_(std::exchange(other.alarms_, nullptr)), key_(std::move(other.key_)) {}
    Alarm& operator=(Alarm other) noexcept {
      std::swap(alarms_, other.alarms_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Alarm() {
      if (alarms_) alarms_->pending_.erase(key_);
    }

   private:
    Alarms* alarms_ = nullptr;
    Key key_;
  };

  [[nodiscard]] Alarm set(Clock::time_point when, std::function<void()> action) {
    const Key key{when, next_++};
    pending_.emplace(key, std::move(action));
    return Alarm(*this, key);
  }
  std::optional<Clock::time_point> next() const {
    if (pending_.empty()) return std::nullopt;
    return pending_.begin()->first.first;
  }
  /// Runs the due actions in order of time. An action may set and cancel any alarm.
  void run(Clock::time_point now) {
    while (!pending_.empty() && pending_.begin()->first.first <= now) {
      const auto action = std::move(pending_.begin()->second);
      pending_.erase(pending_.begin());
      action();
    }
  }

 private:
  std::map<Key, std::function<void()>> pending_;
  std::uint64_t next_ = 0;
};

}  // namespace symmem::store
