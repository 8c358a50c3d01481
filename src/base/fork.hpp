// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// Remembers in which process it was made. After fork the child has none of our threads, and its
/// sockets are the parent's: every call there must fail, and nothing may be shut down.
class ForkGuard {
 public:
  ForkGuard();
  /// True in a child forked since. A load and a compare: fit for every put.
  bool forked() const;
  /// Throws Error(finished) if forked.
  void check() const;

 private:
  unsigned generation_;
};

}  // namespace symmem
