// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// A detector of forks after its construction. A forked child has none of symmem's threads and
/// shares the sockets of its parent. Therefore every call in the child must fail, and the child
/// must not shut down any resource.
class ForkGuard {
 public:
  ForkGuard();
  /// Returns whether this process was forked after construction. The call costs one load and one
  /// compare, which is cheap enough for each put.
  bool forked() const;
  /// Throws Error(finished) if forked().
  void check() const;

 private:
  unsigned generation_;
};

}  // namespace symmem
