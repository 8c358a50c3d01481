// SPDX-License-Identifier: Apache-2.0
#include "signals/host_signals.hpp"

#include <sched.h>

#include "base/check.hpp"
#include "signals/claim.hpp"
#include "signals/peer_wait.hpp"
#include "signals/wait_until.hpp"

namespace symmem {
namespace {

/// A peer that answers at once is heard within this; going to sleep and waking takes as long.
constexpr std::chrono::microseconds kPoll{50};

std::uint64_t load(std::uint64_t& count) {
  return std::atomic_ref(count).load(std::memory_order_seq_cst);
}

}  // namespace

HostSignals::HostSignals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads)
    : Signals(std::move(group), channels, std::move(pads)),
      taken_(static_cast<std::size_t>(channels) * pads_.size()),
      epochs_(static_cast<std::size_t>(channels)) {
  group_->add_sleeper(this);
}

HostSignals::~HostSignals() {
  if (!group_->fork().forked()) group_->remove_sleeper(this);  // The parent may hold its lock.
}

void HostSignals::wake() { own().doorbell().ring(); }

void HostSignals::put(int dst, int channel, Timeout timeout) {
  const PeerPad& target = peer(dst);
  if (target.key == nullptr) [[likely]]
    return add_count(target.pad.signals(channel, group_->rank()), target.pad.doorbell());
  PeerWait wait(*group_, dst, "put_signal", timeout);
  wait.run([&] { target.key->signal(target.signals(channel, group_->rank()), wait); });
}

void HostSignals::wait(int src, int channel, Timeout timeout) {
  Taken& taken =
      taken_[static_cast<std::size_t>(channel) * pads_.size() + static_cast<std::size_t>(src)];
  const Claim claim(taken.busy);
  if (!claim.won()) fail_of_two(src, channel);
  const std::uint64_t before = taken.count.load(std::memory_order_relaxed);
  std::uint64_t& arrived = own().signals(channel, src);
  const auto ready = [&] { return load(arrived) > before; };
  if (!poll_briefly(peer(src).key, kPoll, ready)) {
    const Deadline deadline = group_->deadline(timeout);
    const auto look = [&] { check_waitable({src}, "wait_signal", ready); };
    if (!wait_until(own().doorbell(), deadline, ready, look)) fail_late(src, channel, deadline);
  }
  tsan_acquire();
  taken.count.store(before + 1, std::memory_order_relaxed);
}

std::vector<int> HostSignals::missing(int channel, std::uint64_t epoch) const {
  std::vector<int> ranks;
  for (int rank = 0; rank < group_->world_size(); ++rank)
    if (rank != group_->rank() && load(own().arrivals(channel, rank)) < epoch)
      ranks.push_back(rank);
  return ranks;
}

bool HostSignals::all_arrived(int channel, std::uint64_t epoch) const {
  for (int rank = 0; rank < group_->world_size(); ++rank)
    if (rank != group_->rank() && load(own().arrivals(channel, rank)) < epoch) return false;
  return true;
}

void HostSignals::barrier(int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  take_turn(channel, [&] {
    // Of the one thread whose turn it is.
    const std::uint64_t next = ++epochs_[static_cast<std::size_t>(channel)];
    if (!arrive(channel, next, timeout)) wait_for_all(channel, next, group_->deadline(timeout));
  });
  tsan_acquire();
}

bool HostSignals::arrive(int channel, std::uint64_t epoch, Timeout timeout) {
  const int self = group_->rank(), size = group_->world_size();
  // Each rank begins behind itself, so that not all hit the same pad at once. The network takes
  // longest, so it goes first.
  const auto each = [&](auto use) {
    for (int i = 1; i < size; ++i) use((self + i) % size, peer((self + i) % size));
  };
  if (poller_ != nullptr)
    each([&](int rank, const PeerPad& target) {
      if (target.key == nullptr) return;
      PeerWait wait(*group_, rank, "barrier", timeout);
      wait.run([&] { target.key->signal(target.arrivals(channel, self), wait); });
    });
  each([&](int, const PeerPad& target) {
    if (target.key == nullptr) post_count(target.pad.arrivals(channel, self), epoch);
  });
  const bool all = poll_briefly(poller_, kPoll, [&] { return all_arrived(channel, epoch); });
  full_fence();
  each([&](int, const PeerPad& target) {
    if (target.key == nullptr) target.pad.doorbell().ring();
  });
  return all;
}

void HostSignals::wait_for_all(int channel, std::uint64_t epoch, const Deadline& deadline) {
  const auto ready = [&] { return all_arrived(channel, epoch); };
  const auto look = [&] { check_waitable(missing(channel, epoch), "barrier", ready); };
  if (!wait_until(own().doorbell(), deadline, ready, look))
    fail(Errc::timeout, "barrier on channel {} of group \"{}\": after {:.3f} s still missing: {}",
         channel, group_->name(), deadline.elapsed_seconds(),
         group_->describe(missing(channel, epoch)));
}

}  // namespace symmem
