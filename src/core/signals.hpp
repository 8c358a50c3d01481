// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/group.hpp"
#include "core/peer_pad.hpp"

namespace symmem {

/// The counting signals and barriers of one SymmetricMemory: its own pad, the pads of its peers,
/// and what this rank has consumed, which only this process knows.
class Signals : public Sleeper {
 public:
  /// `pads` by rank, the own one included.
  Signals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads);
  ~Signals() override;

  int channels() const { return channels_; }
  void check_channel(int channel, const char* operation) const;

  const PeerPad& peer(int rank) const { return pads_[static_cast<std::size_t>(rank)]; }
  void put(int dst, int channel, Timeout timeout = {});
  void wait(int src, int channel, Timeout timeout);
  void barrier(int channel, Timeout timeout);

  /// From the group: a member went.
  void wake() override;

 private:
  /// What this rank consumed of one (channel, source). One thread at a time, by `busy`.
  struct Taken {
    std::atomic<bool> busy{false};
    std::atomic<std::uint64_t> count{0};
  };
  struct Epoch {
    std::atomic<bool> busy{false};
    std::atomic<bool> failed{false};
    std::atomic<std::uint64_t> count{0};
  };

  const SignalPad& own() const { return peer(group_->rank()).pad; }
  std::vector<int> missing(int channel, std::uint64_t epoch) const;
  bool all_arrived(int channel, std::uint64_t epoch) const;
  /// Tells all peers that this rank has arrived, and whether they all have.
  bool arrive(int channel, std::uint64_t epoch, Timeout timeout);
  template <typename Ready>
  bool comes_soon(BlockKey* poller, Ready ready) const;
  void wait_for_all(int channel, std::uint64_t epoch, const Deadline& deadline);

  const std::shared_ptr<Group> group_;
  const int channels_;
  const std::vector<PeerPad> pads_;
  BlockKey* poller_ = nullptr;  ///< Of a peer reached by key, to be polled while waiting.
  std::vector<Taken> taken_;    ///< By channel, then source.
  std::vector<Epoch> epochs_;   ///< By channel.
};

}  // namespace symmem
