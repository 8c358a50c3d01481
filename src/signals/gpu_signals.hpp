// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <vector>

#include "signals/gpu_state.hpp"
#include "signals/signals.hpp"

namespace symmem {

/// Implements the host calls for signals of GPU memory. Small kernels update and poll the counts in
/// GPU memory; operations on streams and in kernels use the same counts. Signals from the network
/// arrive in a pad in pinned host memory, which the host polls.
class GpuSignals : public Signals {
 public:
  /// `group` and `state` must outlive this object.
  GpuSignals(Group& group, int channels, std::vector<PeerPad> pads, GpuState& state);
  ~GpuSignals() override;

  void put(int dst, int channel, Timeout timeout) override;
  void wait(int src, int channel, Timeout timeout) override;
  void barrier(int channel, Timeout timeout) override;

  void group_changed() override;

 private:
  void wait_for_network(int src, int channel, const Deadline& deadline);
  /// Throws an Error with the reason why a wait for `ranks` ended, unless `outcome` is `arrived`.
  void check(Gpu::Outcome outcome, const std::vector<int>& ranks, const char* operation) const;
  /// Runs `call` and adds operation, rank, channel and group to any Error it throws.
  template <typename Call>
  auto with_context(const char* operation, int channel, Call call) const;
  void barrier_on_gpu(int channel, const Deadline& deadline);
  void signal_key_peers(int channel, const Deadline& deadline);

  GpuState& state_;
  std::vector<std::atomic<bool>> waiting_;  ///< Indexed by channel, then source.
};

}  // namespace symmem
