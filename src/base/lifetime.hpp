// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/check.hpp"
#include "base/fork.hpp"

namespace symmem {

/// The state of a Context: usable or ended. Allocators and buffers share this object, because they
/// may outlive the Context.
class Lifetime {
 public:
  /// Throws Error(finished) if the Context is ending or has ended, or in a forked child.
  void check() const {
    fork_.check();
    require(!finalizing_.load(), Errc::finished, "the symmem Context has ended");
  }
  /// Throws Error(finished) only in a forked child.
  void check_not_forked() const { fork_.check(); }
  bool forked() const { return fork_.forked(); }
  bool finalizing() const { return finalizing_.load(); }
  /// Marks the Context as ending. Returns false if it was marked before.
  bool begin_end() { return !finalizing_.exchange(true); }

 private:
  const ForkGuard fork_;
  std::atomic<bool> finalizing_{false};
};

}  // namespace symmem
