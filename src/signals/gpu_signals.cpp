// SPDX-License-Identifier: Apache-2.0
#include "signals/gpu_signals.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "signals/claim.hpp"
#include "signals/peer_wait.hpp"
#include "signals/wait_until.hpp"

namespace symmem {
namespace {

/// A put of GPU memory and a signal behind it, from a peer that answers at once, take half of this.
constexpr std::chrono::microseconds kPoll{200};
/// How often a wait on the host looks whether the memory has failed on the GPU.
constexpr std::chrono::milliseconds kTick{50};

}  // namespace

GpuSignals::GpuSignals(std::shared_ptr<Group> group, int channels, std::vector<PeerPad> pads,
                       GpuState& state)
    : Signals(std::move(group), channels, std::move(pads)),
      state_(state),
      waiting_(static_cast<std::size_t>(channels) * pads_.size()) {
  group_->add_sleeper(this);
  wake();  // To those who went before.
}

GpuSignals::~GpuSignals() {
  if (!group_->fork().forked()) group_->remove_sleeper(this);
}

void GpuSignals::wake() {
  for (int r = 0; r < group_->world_size(); ++r)
    if (group_->is_gone(r) || group_->store_is_lost()) state_.mark_gone(r);
  state_.network_pad().doorbell().ring();
}

/// Errors of the GPU get to say of what they are.
template <typename Call>
auto GpuSignals::told(const char* operation, int channel, Call call) const {
  try {
    return call();
  } catch (Error& e) {
    e.add_context(fmt::format("{} of rank {} on channel {} of group \"{}\"", operation,
                              group_->rank(), channel, group_->name()));
    throw;
  }
}

void GpuSignals::put(int dst, int channel, Timeout timeout) {
  const PeerPad& target = peer(dst);
  if (target.key == nullptr)
    return told("put_signal", channel, [&] {
      state_.gpu().put_signal(state_.view(), dst, channel, group_->deadline(timeout).timeout());
    });
  PeerWait wait(*group_, dst, "put_signal", timeout);
  wait.run([&] { target.key->signal(target.signals(channel, group_->rank()), wait); });
}

void GpuSignals::wait(int src, int channel, Timeout timeout) {
  const Claim claim(
      waiting_[static_cast<std::size_t>(channel) * pads_.size() + static_cast<std::size_t>(src)]);
  if (!claim.won()) fail_of_two(src, channel);
  const Deadline deadline = group_->deadline(timeout);
  if (peer(src).key != nullptr) return wait_for_network(src, channel, deadline);
  const Gpu::Outcome outcome = told("wait_signal", channel, [&] {
    return state_.gpu().wait_signal(state_.view(), src, channel, deadline.timeout());
  });
  if (outcome == Gpu::Outcome::timeout) fail_late(src, channel, deadline);
  check(outcome, {src}, "wait_signal");
}

/// No kernel holds the GPU meanwhile.
void GpuSignals::wait_for_network(int src, int channel, const Deadline& deadline) {
  const std::atomic_ref arrived(state_.network_pad().signals(channel, src));
  const std::atomic_ref taken(state_.network_taken(channel, src));
  const std::uint64_t before = taken.load();
  const auto ready = [&] { return arrived.load() > before; };
  const auto look = [&] {
    state_.check(*group_, "wait_signal");
    check_waitable({src}, "wait_signal", ready);
  };
  if (!poll_briefly(poller_, kPoll, ready))
    while (!wait_until(state_.network_pad().doorbell(), deadline.or_sooner(kTick), ready, look))
      if (deadline.expired()) fail_late(src, channel, deadline);
  // A kernel that failed meanwhile has marked it.
  if (taken.load() != before) check(Gpu::Outcome::failed, {src}, "wait_signal");
  taken.store(before + 1);
}

void GpuSignals::barrier(int channel, Timeout timeout) {
  take_turn(channel, [&] {
    try {
      meet(channel, group_->deadline(timeout));
    } catch (...) {
      state_.fail_channel(channel);
      throw;
    }
  });
}

void GpuSignals::meet(int channel, const Deadline& deadline) {
  signal_key_peers(channel, deadline);
  const auto poll = [this] { poller_->poll(); };
  const Gpu::Outcome outcome = told("barrier", channel, [&] {
    return state_.gpu().barrier(state_.view(), channel, deadline.remaining(),
                                poller_ == nullptr ? std::function<void()>() : poll);
  });
  if (poller_ != nullptr) poller_->stop_polling();
  if (outcome == Gpu::Outcome::arrived) return;
  state_.check(*group_, "barrier");  // Then no count says who is missing.
  const std::vector<int> missing = state_.missing(channel);
  // They came after the last look, or before they went.
  if (outcome != Gpu::Outcome::failed && missing.empty()) return;
  if (outcome == Gpu::Outcome::timeout)
    fail(Errc::timeout, "barrier on channel {} of group \"{}\": after {:.3f} s still missing: {}",
         channel, group_->name(), deadline.elapsed_seconds(), group_->describe(missing));
  check(outcome, missing, "barrier");
}

void GpuSignals::signal_key_peers(int channel, const Deadline& deadline) {
  for (int r = 0; r < group_->world_size(); ++r) {
    const PeerPad& target = peer(r);
    if (target.key == nullptr) continue;
    PeerWait wait(*group_, r, "barrier", deadline.remaining());
    wait.run([&] { target.key->signal(target.arrivals(channel, group_->rank()), wait); });
  }
}

void GpuSignals::check(Gpu::Outcome outcome, const std::vector<int>& ranks,
                       const char* operation) const {
  if (outcome == Gpu::Outcome::arrived) return;
  state_.check(*group_, operation);
  group_->check_waitable(ranks, operation);
  fail(Errc::internal, "{}: ended before {} came", operation, group_->describe(ranks));
}

}  // namespace symmem
