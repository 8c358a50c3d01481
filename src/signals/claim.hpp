// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace symmem {

/// Claims what one thread at a time may do, until destruction.
class Claim {
 public:
  explicit Claim(std::atomic<bool>& busy)
      : busy_(busy), won_(!busy.exchange(true, std::memory_order_acquire)) {}
  ~Claim() {
    if (won_) busy_.store(false, std::memory_order_release);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  bool won() const { return won_; }

 private:
  std::atomic<bool>& busy_;
  const bool won_;
};

}  // namespace symmem
