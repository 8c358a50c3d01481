// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "signals/claim.hpp"
#include "group/group.hpp"
#include "signals/peer_pad.hpp"

namespace symmem {

/// The counting signals and barriers of one SymmetricMemory: its own pad, the pads of its peers,
/// and what this rank has consumed, which nobody else knows.
class Signals : public Sleeper {
 public:
  /// `pads` by rank, the own one included.
  Signals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads)
      : group_(std::move(group)),
        channels_(channels),
        pads_(std::move(pads)),
        turns_(static_cast<std::size_t>(channels)) {
    for (const PeerPad& pad : pads_)
      if (pad.key != nullptr) poller_ = pad.key;
  }

  int channels() const { return channels_; }
  void check_channel(int channel, const char* operation) const {
    require(channel >= 0 && channel < channels_, Errc::invalid_argument,
            "{}: channel {} is out of range; 0 to {} exist (SYMMEM_CHANNELS)", operation, channel,
            channels_ - 1);
  }
  /// Throws once a barrier on `channel` has failed.
  void check_agreed(int channel) const {
    require(!turns_[static_cast<std::size_t>(channel)].failed.load(std::memory_order_relaxed),
            Errc::finished,
            "barrier: an earlier barrier on channel {} of group \"{}\" failed, after which its "
            "ranks no longer agree; use another channel",
            channel, group_->name());
  }
  const PeerPad& peer(int rank) const { return pads_[static_cast<std::size_t>(rank)]; }

  virtual void put(int dst, int channel, Timeout timeout = {}) = 0;
  virtual void wait(int src, int channel, Timeout timeout) = 0;
  virtual void barrier(int channel, Timeout timeout) = 0;

 protected:
  // How wait_signal fails. Messages are made only to be thrown: making one takes longer than a
  // signal.
  [[noreturn]] void fail_of_two(int src, int channel) const {
    fail(Errc::invalid_argument,
         "wait_signal: another thread waits for {} on channel {}; one at a time can",
         group_->describe(src), channel);
  }
  [[noreturn]] void fail_late(int src, int channel, const Deadline& deadline) const {
    fail(
        Errc::timeout,
        "wait_signal on channel {} of group \"{}\": no signal from {} within {:.3f} s; nothing was "
        "consumed",
        channel, group_->name(), group_->describe(src), deadline.elapsed_seconds());
  }

  /// Before a wait sleeps: throws if it would not end. What a rank did before it went still counts,
  /// so it looks at the counts, by `ready`, after the group.
  template <typename Ready>
  void check_waitable(const std::vector<int>& ranks, const char* operation, Ready ready) const {
    try {
      group_->check_waitable(ranks, operation);
    } catch (const Error&) {
      if (!ready()) throw;
    }
  }

  /// Runs `body`, this rank's turn in the barrier of `channel`: one thread at a time, and never
  /// again after one that failed, since the ranks then no longer agree.
  template <typename Body>
  void take_turn(int channel, Body body) {
    Turn& turn = turns_[static_cast<std::size_t>(channel)];
    const Claim claim(turn.busy);
    require(claim.won(), Errc::invalid_argument,
            "barrier: another thread is in the barrier of channel {}; use one channel a thread",
            channel);
    check_agreed(channel);
    try {
      body();
    } catch (...) {
      turn.failed.store(true, std::memory_order_relaxed);
      throw;
    }
  }

  const std::shared_ptr<Group> group_;
  const int channels_;
  const std::vector<PeerPad> pads_;
  BlockKey* poller_ = nullptr;  ///< Any key, if there are peers by key.

 private:
  struct Turn {
    std::atomic<bool> busy{false};
    std::atomic<bool> failed{false};
  };
  std::vector<Turn> turns_;  ///< By channel.
};

}  // namespace symmem
