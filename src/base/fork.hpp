// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// Records the process that made it. A forked child has none of symmem's threads and shares its
/// parent's sockets: every call in the child must fail, and nothing may be shut down there.
class ForkGuard {
 public:
  ForkGuard();
  /// Whether this is a child that was forked after construction. One load and one compare: cheap
  /// enough for each put.
  bool forked() const;
  /// Throws Error(finished) if forked().
  void check() const;

 private:
  unsigned generation_;
};

}  // namespace symmem
