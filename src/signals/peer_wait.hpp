// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/check.hpp"
#include "group/group.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// An operation on one peer by key: it ends at the deadline, and when the peer is lost.
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

  /// Runs `use` of a key. The transport does not know names: its errors get them here.
  template <typename Use>
  auto run(Use use) {
    try {
      return use();
    } catch (Error& e) {
      if (named_) throw;
      group_.check_peer(rank_, operation_);  // What the store says of a lost peer says more.
      e.add_context(fmt::format("{}: {}", operation_, group_.describe(rank_)));
      throw;
    }
  }

 private:
  const Group& group_;
  const int rank_;
  const char* const operation_;
  const Deadline deadline_;
  bool named_ = false;  ///< What was thrown is ours: it says operation and peer.
};

}  // namespace symmem
