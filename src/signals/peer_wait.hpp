// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/check.hpp"
#include "group/group.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// Deadline and liveness check of one operation through a peer's key. The operation's waits throw
/// once the deadline has passed or the peer is gone.
class PeerWait : public Wait {
 public:
  PeerWait(const Group& group, int rank, const char* operation, Timeout timeout)
      : group_(group), rank_(rank), operation_(operation), deadline_(group.deadline(timeout)) {}

  void check() override {
    named_ = true;
    group_.check_peer(rank_, operation_);
    if (deadline_.expired())
      fail(Errc::timeout, "{}: {} did not answer within {:.3f} s", operation_,
           group_.describe(rank_), deadline_.elapsed_seconds());
    named_ = false;
  }

  /// Runs `use`, which calls the peer's key. Adds the operation and the peer to an error of the
  /// transport, which names neither.
  template <typename Use>
  auto run(Use use) {
    try {
      return use();
    } catch (Error& e) {
      if (named_) throw;
      group_.check_peer(rank_, operation_);  // Throws the store's more precise reason.
      e.add_context(fmt::format("{}: {}", operation_, group_.describe(rank_)));
      throw;
    }
  }

 private:
  const Group& group_;
  const int rank_;
  const char* const operation_;
  const Deadline deadline_;
  bool named_ = false;  ///< The thrown error is from check() and names operation and peer.
};

}  // namespace symmem
