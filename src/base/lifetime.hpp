// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/check.hpp"
#include "base/fork.hpp"

namespace symmem {

/// Whether a Context is still usable. Shared with what may outlive it: allocators and buffers.
class Lifetime {
 public:
  /// Throws Error(finished) once the Context ends, and in a forked child.
  void check() const {
    fork_.check();
    require(!finalizing_.load(), Errc::finished, "the symmem Context has ended");
  }
  /// Throws in a forked child alone.
  void check_not_forked() const { fork_.check(); }
  bool forked() const { return fork_.forked(); }
  bool finalizing() const { return finalizing_.load(); }
  /// Begins the end; false if it had begun before.
  bool begin_end() { return !finalizing_.exchange(true); }

 private:
  const ForkGuard fork_;
  std::atomic<bool> finalizing_{false};
};

}  // namespace symmem
