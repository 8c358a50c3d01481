// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "signals/signals.hpp"

namespace symmem {

/// Implements the signals of host memory. Counts are plain words in shared memory; waits spin, then
/// sleep on the pad's doorbell.
class HostSignals : public Signals {
 public:
  HostSignals(Group& group, int channels, std::vector<PeerPad> pads);
  ~HostSignals() override;

  void put(int dst, int channel, Timeout timeout) override;
  void wait(int src, int channel, Timeout timeout) override;
  void barrier(int channel, Timeout timeout) override;

  void group_changed() override;

 private:
  /// The number of consumed signals of one channel and source. `busy` admits one waiting thread at
  /// a time.
  struct Taken {
    std::atomic<bool> busy{false};
    std::atomic<std::uint64_t> count{0};
  };

  const SignalPad& own_pad() const { return peer(group_.rank()).pad; }
  std::vector<int> missing(int channel, std::uint64_t epoch) const;
  bool all_arrived(int channel, std::uint64_t epoch) const;
  /// Posts this rank's arrival to all peers. Returns whether all of them have arrived already.
  bool arrive(int channel, std::uint64_t epoch, Timeout timeout);
  void wait_for_arrivals(int channel, std::uint64_t epoch, const Deadline& deadline);

  std::vector<Taken> taken_;           ///< Indexed by channel, then source.
  std::vector<std::uint64_t> epochs_;  ///< Indexed by channel; guarded by run_barrier.
};

}  // namespace symmem
