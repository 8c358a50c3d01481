// SPDX-License-Identifier: Apache-2.0
#include "signals/gpu_signals.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "signals/peer_wait.hpp"
#include "signals/try_lock.hpp"
#include "signals/wait_until.hpp"

namespace symmem {
namespace {

/// About twice the time of a put to GPU memory and a signal, if the peer answers at once.
constexpr std::chrono::microseconds kPollTime{200};
/// Interval at which a sleeping host wait checks whether the memory has failed on the GPU.
constexpr std::chrono::milliseconds kFailureCheckPeriod{50};

}  // namespace

GpuSignals::GpuSignals(Group& group, int channels, std::vector<PeerPad> pads, GpuState& state)
    : Signals(group, channels, std::move(pads)),
      state_(state),
      waiting_(static_cast<std::size_t>(channels) * pads_.size()) {
  group_.add_observer(this);
  GpuSignals::group_changed();  // Marks members that are already gone.
}

GpuSignals::~GpuSignals() {
  if (!group_.fork().forked()) group_.remove_observer(this);
}

void GpuSignals::group_changed() {
  for (int r = 0; r < group_.world_size(); ++r)
    if (group_.is_gone(r) || group_.store_is_lost()) state_.mark_gone(r);
  state_.network_pad().doorbell().ring();
}

template <typename Call>
auto GpuSignals::with_context(const char* operation, int channel, Call call) const {
  try {
    return call();
  } catch (Error& e) {
    e.add_context(fmt::format("{} of rank {} on channel {} of group \"{}\"", operation,
                              group_.rank(), channel, group_.name()));
    throw;
  }
}

void GpuSignals::put(int dst, int channel, Timeout timeout) {
  const PeerPad& target = peer(dst);
  if (target.key == nullptr)
    return with_context("put_signal", channel, [&] {
      state_.gpu().put_signal(state_.view(), dst, channel, group_.deadline(timeout).timeout());
    });
  PeerWait wait(group_, dst, "put_signal", timeout);
  wait.run([&] { target.key->signal(target.signals(channel, group_.rank()), wait); });
}

void GpuSignals::wait(int src, int channel, Timeout timeout) {
  const TryLock lock(
      waiting_[static_cast<std::size_t>(channel) * pads_.size() + static_cast<std::size_t>(src)]);
  if (!lock.acquired()) fail_concurrent_wait(src, channel);
  const Deadline deadline = group_.deadline(timeout);
  if (peer(src).key != nullptr) return wait_for_network(src, channel, deadline);
  const Gpu::Outcome outcome = with_context("wait_signal", channel, [&] {
    return state_.gpu().wait_signal(state_.view(), src, channel, deadline.timeout());
  });
  if (outcome == Gpu::Outcome::timeout) fail_timeout(src, channel, deadline);
  check(outcome, {src}, "wait_signal");
}

/// Polls the count in host memory, so that no kernel occupies the GPU during the wait.
void GpuSignals::wait_for_network(int src, int channel, const Deadline& deadline) {
  const std::atomic_ref arrived(state_.network_pad().signals(channel, src));
  const std::atomic_ref taken(state_.network_taken(channel, src));
  const std::uint64_t before = taken.load();
  const auto ready = [&] { return arrived.load() > before; };
  const auto check_wait = [&] {
    state_.check(group_, "wait_signal");
    check_waitable({src}, "wait_signal", ready);
  };
  if (!poll_briefly(progress_key_, kPollTime, ready))
    while (!wait_until(state_.network_pad().doorbell(), deadline.or_sooner(kFailureCheckPeriod),
                       ready, check_wait))
      if (deadline.expired()) fail_timeout(src, channel, deadline);
  // If a kernel failed during the wait, it has poisoned the count.
  if (taken.load() != before) check(Gpu::Outcome::failed, {src}, "wait_signal");
  taken.store(before + 1);
}

void GpuSignals::barrier(int channel, Timeout timeout) {
  run_barrier(channel, [&] {
    try {
      barrier_on_gpu(channel, group_.deadline(timeout));
    } catch (...) {
      state_.fail_channel(channel);
      throw;
    }
  });
}

void GpuSignals::barrier_on_gpu(int channel, const Deadline& deadline) {
  signal_key_peers(channel, deadline);
  const auto poll = [this] { progress_key_->poll(); };
  const Gpu::Outcome outcome = with_context("barrier", channel, [&] {
    return state_.gpu().barrier(state_.view(), channel, deadline.remaining(),
                                progress_key_ == nullptr ? std::function<void()>() : poll);
  });
  if (progress_key_ != nullptr) progress_key_->stop_polling();
  if (outcome == Gpu::Outcome::arrived) return;
  state_.check(group_, "barrier");  // After a failure the counts below are invalid.
  const std::vector<int> missing = state_.missing(channel);
  // No rank is missing: the last ranks arrived after the kernel's last poll, or left after they
  // arrived.
  if (outcome != Gpu::Outcome::failed && missing.empty()) return;
  if (outcome == Gpu::Outcome::timeout)
    fail(Errc::timeout, "barrier on channel {} of group \"{}\": after {:.3f} s still missing: {}",
         channel, group_.name(), deadline.elapsed_seconds(), group_.describe(missing));
  check(outcome, missing, "barrier");
}

void GpuSignals::signal_key_peers(int channel, const Deadline& deadline) {
  for (int r = 0; r < group_.world_size(); ++r) {
    const PeerPad& target = peer(r);
    if (target.key == nullptr) continue;
    PeerWait wait(group_, r, "barrier", deadline.remaining());
    wait.run([&] { target.key->signal(target.arrivals(channel, group_.rank()), wait); });
  }
}

void GpuSignals::check(Gpu::Outcome outcome, const std::vector<int>& ranks,
                       const char* operation) const {
  if (outcome == Gpu::Outcome::arrived) return;
  state_.check(group_, operation);
  group_.check_waitable(ranks, operation);
  fail(Errc::internal, "{}: the wait ended without a signal from {}", operation,
       group_.describe(ranks));
}

}  // namespace symmem
