// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace symmem::cuda {

/// Pinned host buffers of Gpu::kStageBytes, through which GPU memory is sent and received by
/// messages. Pins all of them at construction: later a kernel may spin, which would block it. Safe
/// from any thread.
class StagingPool {
 public:
  explicit StagingPool(int device);
  /// Returns a buffer that its last reference releases, and which may outlive this object; null if
  /// all are in use.
  std::shared_ptr<std::byte[]> acquire();
  /// Makes acquire() return null from now on: a copy that timed out may still access a buffer that
  /// its owner has released.
  void close();

 private:
  class Buffers;
  const std::shared_ptr<Buffers> buffers_;  ///< Shared with the buffers in use.
};

}  // namespace symmem::cuda
