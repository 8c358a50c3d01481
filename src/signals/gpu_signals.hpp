// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "signals/gpu_state.hpp"
#include "signals/signals.hpp"

namespace symmem {

/// Signals of GPU memory, for calls of the host: small kernels on the counts that streams and
/// kernels use, too. What comes by network comes to host memory, and is waited for there.
class GpuSignals : public Signals {
 public:
  GpuSignals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads,
             GpuState& state);
  ~GpuSignals() override;

  void put(int dst, int channel, Timeout timeout) override;
  void wait(int src, int channel, Timeout timeout) override;
  void barrier(int channel, Timeout timeout) override;

  /// From the group: a member or the store went.
  void wake() override;

 private:
  void wait_for_network(int src, int channel, const Deadline& deadline);
  /// Throws for a wait of `operation` that ended without what it waited for.
  void check(Gpu::Outcome outcome, const std::vector<int>& ranks, const char* operation) const;
  template <typename Call>
  auto told(const char* operation, int channel, Call call) const;
  void meet(int channel, const Deadline& deadline);
  void signal_key_peers(int channel, const Deadline& deadline);

  GpuState& state_;
  std::vector<std::atomic<bool>> waiting_;  ///< By channel, then source.
};

}  // namespace symmem
