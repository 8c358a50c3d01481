// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "allocation/pad_lease.hpp"
#include "allocation/pool_set.hpp"
#include "gpu/gpu.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Allocates the signal pads for a rendezvous.
class PadLender {
 public:
  /// `gpus` and `pinned_maker` are null in a build without CUDA.
  PadLender(const Options& options, BlockIds& ids, Gpus* gpus, BlockMaker* pinned_maker)
      : options_(options), ids_(ids), gpus_(gpus), pinned_maker_(pinned_maker) {}

  /// Returns the pad for an allocation on `device`. For GPU memory also returns a second pad in
  /// pinned host memory, to which the network writes. `maker` allocates the blocks on `device`.
  std::vector<PadLease> lease(PoolSet& pools, BlockMaker& maker, const Device& device,
                              int world_size) const;
  /// Returns the GPU of `device`, or null for the host.
  Gpu* gpu(const Device& device) const {
    return device.type == DeviceType::cuda && gpus_ ? &gpus_->gpu(device.index) : nullptr;
  }

 private:
  const Options& options_;
  BlockIds& ids_;
  Gpus* const gpus_;
  BlockMaker* const pinned_maker_;
};

}  // namespace symmem
