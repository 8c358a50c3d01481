// SPDX-License-Identifier: Apache-2.0
#include "core/gpu_signals.hpp"

#include <numeric>

#include "base/check.hpp"
#include "core/claim.hpp"
#include "core/peer_wait.hpp"

namespace symmem {

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
}

void GpuSignals::put(int dst, int channel, Timeout timeout) {
  const PeerPad& target = peer(dst);
  if (target.key == nullptr)
    return state_.gpu().put_signal(state_.view(), dst, channel,
                                   group_->deadline(timeout).timeout());
  PeerWait wait(*group_, dst, "put_signal", timeout);
  wait.run([&] { target.key->signal(target.signals(channel, group_->rank()), wait); });
}

void GpuSignals::wait(int src, int channel, Timeout timeout) {
  const Claim claim(
      waiting_[static_cast<std::size_t>(channel) * pads_.size() + static_cast<std::size_t>(src)]);
  if (!claim.won()) fail_of_two(src, channel);
  const Deadline deadline = group_->deadline(timeout);
  const Gpu::Outcome outcome =
      state_.gpu().wait_signal(state_.view(), src, channel, deadline.timeout());
  if (outcome == Gpu::Outcome::timeout) fail_late(src, channel, deadline);
  check(outcome, {src}, "wait_signal");
}

void GpuSignals::barrier(int channel, Timeout timeout) {
  take_turn(channel, [&] {
    try {
      meet(channel, group_->deadline(timeout));
    } catch (const Error&) {
      state_.fail_channel(channel);
      throw;
    }
  });
}

void GpuSignals::meet(int channel, const Deadline& deadline) {
  signal_key_peers(channel, deadline);
  const Gpu::Outcome outcome = state_.gpu().barrier(state_.view(), channel, deadline.remaining());
  if (outcome == Gpu::Outcome::arrived) return;
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
