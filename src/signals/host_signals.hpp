// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "signals/signals.hpp"

namespace symmem {

/// Signals of host memory: counts in memory that the CPU loads and stores, and waits that spin,
/// then sleep on the pad's doorbell.
class HostSignals : public Signals {
 public:
  HostSignals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads);
  ~HostSignals() override;

  void put(int dst, int channel, Timeout timeout) override;
  void wait(int src, int channel, Timeout timeout) override;
  void barrier(int channel, Timeout timeout) override;

  /// From the group: a member went.
  void wake() override;

 private:
  /// What this rank consumed of one (channel, source). One thread at a time, by `busy`.
  struct Taken {
    std::atomic<bool> busy{false};
    std::atomic<std::uint64_t> count{0};
  };

  const SignalPad& own() const { return peer(group_->rank()).pad; }
  std::vector<int> missing(int channel, std::uint64_t epoch) const;
  bool all_arrived(int channel, std::uint64_t epoch) const;
  /// Tells all peers that this rank has arrived, and whether they all have.
  bool arrive(int channel, std::uint64_t epoch, Timeout timeout);
  void wait_for_all(int channel, std::uint64_t epoch, const Deadline& deadline);

  std::vector<Taken> taken_;           ///< By channel, then source.
  std::vector<std::uint64_t> epochs_;  ///< By channel; used in its turn.
};

}  // namespace symmem
