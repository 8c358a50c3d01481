// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/pad_lender.hpp"

#include <algorithm>

#include "signals/gpu_state.hpp"
#include "signals/signal_pad.hpp"

namespace symmem {

std::vector<PadLease> PadLender::lease(PoolSet& pools, BlockMaker& maker, const Device& device,
                                       int world_size) const {
  constexpr std::size_t kPadsPerBlock = 12;  // Minimum number, even if pads are large.
  std::vector<PadLease> pads;
  const auto lease = [&](BlockMaker& from, std::size_t bytes, Gpu* gpu) {
    const std::size_t block = std::max(options_.block_size, kPadsPerBlock * bytes);
    pads.emplace_back(pools.pool(from, ids_, device.index, block, PoolSet::Purpose::signal_pads),
                      bytes, gpu);
  };
  const int channels = options_.channels;
  if (Gpu* const gpu = this->gpu(device)) {
    lease(maker, GpuState::device_bytes(channels, world_size), gpu);
    lease(*pinned_maker_, GpuState::pinned_bytes(channels, world_size), nullptr);
  } else {
    lease(maker, SignalPad::bytes(channels, world_size), nullptr);
  }
  return pads;
}

}  // namespace symmem
