// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace symmem {

/// RAII try-lock on a flag: tries once to acquire it, and releases it on destruction.
class TryLock {
 public:
  explicit TryLock(std::atomic<bool>& busy)
      : busy_(busy), acquired_(!busy.exchange(true, std::memory_order_acquire)) {}
  ~TryLock() {
    if (acquired_) busy_.store(false, std::memory_order_release);
  }
  TryLock(const TryLock&) = delete;
  TryLock& operator=(const TryLock&) = delete;
  bool acquired() const { return acquired_; }

 private:
  std::atomic<bool>& busy_;
  const bool acquired_;
};

}  // namespace symmem
