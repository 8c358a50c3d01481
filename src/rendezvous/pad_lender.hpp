// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "allocation/pad_lease.hpp"
#include "allocation/pool_set.hpp"
#include "gpu/gpu.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Leases the signal pads of allocations.
class PadLender {
 public:
  /// `gpus` and `pinned_maker` are null in a build without CUDA.
  PadLender(const Options& options, BlockIds& ids, Gpus* gpus, BlockMaker* pinned_maker)
      : options_(options), ids_(ids), gpus_(gpus), pinned_maker_(pinned_maker) {}

  /// The pad of an allocation on `device`; for GPU memory also a second one in pinned host memory,
  /// which the network writes. `maker` makes the device's blocks.
  std::vector<PadLease> lease(PoolSet& pools, BlockMaker& maker, const Device& device,
                              int world_size) const;
  /// The GPU of `device`; null for the host.
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
