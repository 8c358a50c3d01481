// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::ucx {

/// Waits up to a deadline, whoever the peer is.
class DeadlineWait : public Wait {
 public:
  explicit DeadlineWait(const Deadline& deadline) : deadline_(deadline) {}
  void check() override {
    if (deadline_.expired())
      fail(Errc::timeout, "no answer by UCX within {:.3f} s", deadline_.elapsed_seconds());
  }

 private:
  const Deadline deadline_;
};

}  // namespace symmem::ucx
