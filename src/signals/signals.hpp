// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "group/group.hpp"
#include "signals/peer_pad.hpp"
#include "signals/try_lock.hpp"

namespace symmem {

/// Counting signals and barriers of one SymmetricMemory. Contains the pads of all ranks; a subclass
/// contains the counts of signals that this rank has consumed. Thread-safe.
class Signals : public GroupObserver {
 public:
  /// `pads` is indexed by rank and includes this rank's pad. `group` must outlive this object.
  Signals(Group& group, int channels, std::vector<PeerPad> pads)
      : group_(group),
        channels_(channels),
        pads_(std::move(pads)),
        barriers_(static_cast<std::size_t>(channels)) {
    for (const PeerPad& pad : pads_)
      if (pad.key != nullptr) progress_key_ = pad.key;
  }

  int channels() const { return channels_; }
  void check_channel(int channel, const char* operation) const {
    require(channel >= 0 && channel < channels_, Errc::invalid_argument,
            "{}: channel {} is out of range; channels are 0 to {} (see SYMMEM_CHANNELS)", operation,
            channel, channels_ - 1);
  }
  /// Throws Error(finished) if an earlier barrier on `channel` failed.
  void check_barrier_usable(int channel) const {
    require(!barriers_[static_cast<std::size_t>(channel)].failed.load(std::memory_order_relaxed),
            Errc::finished,
            "barrier: an earlier barrier on channel {} of group \"{}\" failed, so its ranks may "
            "disagree on the barrier count; use another channel",
            channel, group_.name());
  }
  const PeerPad& peer(int rank) const { return pads_[static_cast<std::size_t>(rank)]; }

  /// Sends one signal to `dst`, ordered after this rank's earlier puts to `dst`. Does not block if
  /// the pad of `dst` is mapped host memory.
  virtual void put(int dst, int channel, Timeout timeout = {}) = 0;
  /// Blocks until a signal from `src` arrives and consumes it. Consumes nothing if it throws.
  virtual void wait(int src, int channel, Timeout timeout) = 0;
  /// Blocks until all ranks have entered the same barrier of `channel`. After a failed barrier all
  /// later barriers of the channel fail.
  virtual void barrier(int channel, Timeout timeout) = 0;

 protected:
  // fail_concurrent_wait and fail_timeout throw the errors of wait_signal. The message is formatted
  // only on failure, because formatting takes longer than a signal.
  [[noreturn]] void fail_concurrent_wait(int src, int channel) const {
    fail(Errc::invalid_argument,
         "wait_signal: another thread waits for {} on channel {}; only one thread at a time may "
         "wait",
         group_.describe(src), channel);
  }
  [[noreturn]] void fail_timeout(int src, int channel, const Deadline& deadline) const {
    fail(
        Errc::timeout,
        "wait_signal on channel {} of group \"{}\": no signal from {} within {:.3f} s; nothing was "
        "consumed",
        channel, group_.name(), group_.describe(src), deadline.elapsed_seconds());
  }

  /// Throws if a wait for `ranks` can no longer complete. Called before each sleep. Signals that a
  /// rank sent before it was gone still count, so this function calls `ready` after it has read the
  /// group's state.
  template <typename Ready>
  void check_waitable(const std::vector<int>& ranks, const char* operation, Ready ready) const {
    try {
      group_.check_waitable(ranks, operation);
    } catch (const Error&) {
      if (!ready()) throw;
    }
  }

  /// Runs `body`, a barrier of `channel`, on one thread at a time. If `body` throws, all later
  /// calls fail, because the ranks may disagree on the count.
  template <typename Body>
  void run_barrier(int channel, Body body) {
    Barrier& barrier = barriers_[static_cast<std::size_t>(channel)];
    const TryLock lock(barrier.busy);
    require(lock.acquired(), Errc::invalid_argument,
            "barrier: another thread is in the barrier of channel {}; use one channel per thread",
            channel);
    check_barrier_usable(channel);
    try {
      body();
    } catch (...) {
      barrier.failed.store(true, std::memory_order_relaxed);
      throw;
    }
  }

  Group& group_;
  const int channels_;
  const std::vector<PeerPad> pads_;
  BlockKey* progress_key_ = nullptr;  ///< The key of any peer; null if all pads are mapped.

 private:
  struct Barrier {
    std::atomic<bool> busy{false};
    std::atomic<bool> failed{false};
  };
  std::vector<Barrier> barriers_;  ///< Indexed by channel.
};

}  // namespace symmem
