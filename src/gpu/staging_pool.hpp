// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace symmem::cuda {

/// Pinned host memory through which what comes and goes by network is copied, in pieces of
/// Gpu::kStageBytes. All of it is pinned at once: later a kernel may be spinning.
class Stages {
 public:
  explicit Stages(int device);
  /// A piece, until the last reference goes; null if all are in use.
  std::shared_ptr<std::byte[]> take();
  /// Gives no more: a copy that was given up may still come to a piece that goes back.
  void close();

 private:
  class Pool;
  const std::shared_ptr<Pool> pool_;
};

}  // namespace symmem::cuda
