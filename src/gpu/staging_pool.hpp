// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace symmem::cuda {

/// Pinned host buffers of Gpu::kStageBytes each, for messages that transfer GPU memory. The
/// constructor pins all buffers: pinning memory later may block while a kernel spins. All functions
/// may be called from any thread.
class StagingPool {
 public:
  explicit StagingPool(int device);
  /// Returns a buffer; null if all buffers are in use. The last reference releases the buffer,
  /// which may outlive this object.
  std::shared_ptr<std::byte[]> acquire();
  /// Makes acquire() return null from now on. Called after a failed copy, because a copy that timed
  /// out may still access a buffer that its owner has released.
  void close();

 private:
  class Buffers;
  const std::shared_ptr<Buffers> buffers_;  ///< The buffers in use hold references, too.
};

}  // namespace symmem::cuda
