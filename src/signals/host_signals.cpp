// SPDX-License-Identifier: Apache-2.0
#include "signals/host_signals.hpp"

#include <sched.h>

#include "base/check.hpp"
#include "signals/peer_wait.hpp"
#include "signals/try_lock.hpp"
#include "signals/wait_until.hpp"

namespace symmem {
namespace {

/// About the time of a network round trip to a peer that answers at once. Sleeping and waking takes
/// about as long.
constexpr std::chrono::microseconds kPollTime{50};

std::uint64_t load(std::uint64_t& count) {
  return std::atomic_ref(count).load(std::memory_order_seq_cst);
}

}  // namespace

HostSignals::HostSignals(Group& group, int channels, std::vector<PeerPad> pads)
    : Signals(group, channels, std::move(pads)),
      taken_(static_cast<std::size_t>(channels) * pads_.size()),
      epochs_(static_cast<std::size_t>(channels)) {
  group_.add_observer(this);
}

HostSignals::~HostSignals() {
  // In a forked child the group's lock may be held for ever by a thread of the parent.
  if (!group_.fork().forked()) group_.remove_observer(this);
}

void HostSignals::group_changed() { own_pad().doorbell().ring(); }

void HostSignals::put(int dst, int channel, Timeout timeout) {
  const PeerPad& target = peer(dst);
  if (target.key == nullptr) [[likely]]
    return add_count(target.pad.signals(channel, group_.rank()), target.pad.doorbell());
  PeerWait wait(group_, dst, "put_signal", timeout);
  wait.run([&] { target.key->signal(target.signals(channel, group_.rank()), wait); });
}

void HostSignals::wait(int src, int channel, Timeout timeout) {
  Taken& taken =
      taken_[static_cast<std::size_t>(channel) * pads_.size() + static_cast<std::size_t>(src)];
  const TryLock lock(taken.busy);
  if (!lock.acquired()) fail_concurrent_wait(src, channel);
  const std::uint64_t before = taken.count.load(std::memory_order_relaxed);
  std::uint64_t& arrived = own_pad().signals(channel, src);
  const auto ready = [&] { return load(arrived) > before; };
  if (!poll_briefly(peer(src).key, kPollTime, ready)) {
    const Deadline deadline = group_.deadline(timeout);
    const auto check = [&] { check_waitable({src}, "wait_signal", ready); };
    if (!wait_until(own_pad().doorbell(), deadline, ready, check))
      fail_timeout(src, channel, deadline);
  }
  tsan_acquire();
  taken.count.store(before + 1, std::memory_order_relaxed);
}

std::vector<int> HostSignals::missing(int channel, std::uint64_t epoch) const {
  std::vector<int> ranks;
  for (int rank = 0; rank < group_.world_size(); ++rank)
    if (rank != group_.rank() && load(own_pad().arrivals(channel, rank)) < epoch)
      ranks.push_back(rank);
  return ranks;
}

bool HostSignals::all_arrived(int channel, std::uint64_t epoch) const {
  for (int rank = 0; rank < group_.world_size(); ++rank)
    if (rank != group_.rank() && load(own_pad().arrivals(channel, rank)) < epoch) return false;
  return true;
}

void HostSignals::barrier(int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  run_barrier(channel, [&] {
    const std::uint64_t next = ++epochs_[static_cast<std::size_t>(channel)];
    if (!arrive(channel, next, timeout)) wait_for_arrivals(channel, next, group_.deadline(timeout));
  });
  tsan_acquire();
}

bool HostSignals::arrive(int channel, std::uint64_t epoch, Timeout timeout) {
  const int self = group_.rank(), size = group_.world_size();
  // Each rank starts with its successor, so that concurrent writes go to different pads. Peers with
  // a key are first, because the network takes longest.
  const auto for_each_peer = [&](auto visit) {
    for (int i = 1; i < size; ++i) visit((self + i) % size, peer((self + i) % size));
  };
  if (progress_key_ != nullptr)
    for_each_peer([&](int rank, const PeerPad& target) {
      if (target.key == nullptr) return;
      PeerWait wait(group_, rank, "barrier", timeout);
      wait.run([&] { target.key->signal(target.arrivals(channel, self), wait); });
    });
  for_each_peer([&](int, const PeerPad& target) {
    if (target.key == nullptr) post_count(target.pad.arrivals(channel, self), epoch);
  });
  const bool all =
      poll_briefly(progress_key_, kPollTime, [&] { return all_arrived(channel, epoch); });
  full_fence();
  for_each_peer([&](int, const PeerPad& target) {
    if (target.key == nullptr) target.pad.doorbell().ring();
  });
  return all;
}

void HostSignals::wait_for_arrivals(int channel, std::uint64_t epoch, const Deadline& deadline) {
  const auto ready = [&] { return all_arrived(channel, epoch); };
  const auto check = [&] { check_waitable(missing(channel, epoch), "barrier", ready); };
  if (!wait_until(own_pad().doorbell(), deadline, ready, check))
    fail(Errc::timeout, "barrier on channel {} of group \"{}\": after {:.3f} s still missing: {}",
         channel, group_.name(), deadline.elapsed_seconds(),
         group_.describe(missing(channel, epoch)));
}

}  // namespace symmem
