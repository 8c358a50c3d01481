// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::ucx {

/// A Wait that ends at a deadline; it does not check whether the peer is lost.
class DeadlineWait : public Wait {
 public:
  explicit DeadlineWait(const Deadline& deadline) : deadline_(deadline) {}
  void check() override {
    if (deadline_.expired())
      fail(Errc::timeout, "the peer did not answer through UCX within {:.3f} s",
           deadline_.elapsed_seconds());
  }

 private:
  const Deadline deadline_;
};

}  // namespace symmem::ucx
