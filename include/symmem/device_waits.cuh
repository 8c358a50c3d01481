// SPDX-License-Identifier: Apache-2.0
/// Internal part of symmem/device.cuh: waits with a deadline, and the failure mark of a
/// SymmetricMemory.
#pragma once

#include "symmem/device_words.cuh"

#ifdef __CUDACC__

namespace symmem::device::internal {

/// Value of `failed` once `failure` is written. The first thread that fails sets `failed` to 1
/// before it writes `failure`.
constexpr std::uint64_t kHasFailed = 2;
constexpr std::uint64_t kPoison = PadState::kPoison;

/// Marks the SymmetricMemory as failed and records the first failure for the host. Then poisons
/// this rank's counters, so that pending and later waits of this rank fail, and this rank's counts
/// in the peers' pads, so that the peers' waits for this rank fail. Signals therefore need not
/// check for an earlier failure.
__device__ inline void fail(const DeviceView& view, Failure::Operation operation,
                            Failure::Cause cause, int channel, int rank) {
  constexpr unsigned long long kClaimed = 1;
  const PadState& state = view.state;
  auto* failed = reinterpret_cast<unsigned long long*>(state.failed);
  if (atomicCAS(failed, 0ull, kClaimed) != 0) {
    while (load_local(state.failed) != kHasFailed) {
    }
    return;
  }
  const std::uint64_t word = static_cast<std::uint64_t>(operation) << 56 |
                             static_cast<std::uint64_t>(cause) << 48 |
                             static_cast<std::uint64_t>(static_cast<std::uint16_t>(channel)) << 32 |
                             static_cast<std::uint32_t>(rank);
  store_for_host(state.failure, word);
  // Another thread may report the failure to the host once `failed` is set. The host must then read
  // the written `failure`.
  __threadfence_system();
  store_local(state.failed, kHasFailed);
#pragma unroll 1
  for (int c = 0; c < view.channels; ++c) {
    store_local(state.epochs + c, kPoison);
#pragma unroll 1
    for (int peer = 0; peer < view.world_size; ++peer) {
      std::uint64_t* const remote = pad(view, peer);
      if (remote == nullptr) {
        store_for_host(state.network_taken + slot(view, c, peer), kPoison);
        continue;
      }
      store_local(state.taken + slot(view, c, peer), kPoison);
      or_release(remote + count_index(view, c, view.rank, Count::signals), kPoison);
      or_release(remote + count_index(view, c, view.rank, Count::arrivals), kPoison);
    }
  }
}

/// Outcome of a wait.
enum class WaitResult { arrived, timeout, gone, no_pointer, peer_failed, failed_before };

/// Value to wait for after the SymmetricMemory has failed: reached() is false for every count.
constexpr std::uint64_t kUnreachable = kPoison | kPoison >> 2;

/// Returns whether `count` is at least `wanted` and not poisoned.
__device__ inline bool reached(std::uint64_t count, std::uint64_t wanted) {
  return (count - wanted) >> 62 == 0;
}

/// Polls up to 64 times until `poll` returns true. This is the fast path, so it has few
/// instructions.
template <typename Poll>
__device__ inline bool poll_briefly(Poll poll) {
#pragma unroll 1
  for (unsigned polls = 0; polls < 64; ++polls)
    if (poll()) return true;
  return false;
}
__device__ inline bool poll_briefly(const std::uint64_t* word, std::uint64_t wanted) {
  return poll_briefly([=] { return reached(load_acquire(word), wanted); });
}

/// Waits until `poll`, which calls poll_briefly, returns true for data from `source`. Reads the
/// clock between polls. Reads the entry of `source` in `gone` only in every 16th turn and after the
/// timeout, because one load from host memory takes as long as dozens of polls. `poisoned` points
/// to a count that `source` poisons when it fails. `start_ns` is 0 before the operation first reads
/// the clock, then the start time of its timeout.
template <typename Poll>
__device__ inline WaitResult wait_for(const DeviceView& view, Poll poll,
                                      const std::uint64_t* poisoned, bool failed, int source,
                                      std::uint64_t timeout_ns, std::uint64_t& start_ns) {
  constexpr unsigned kTurnsPerHostLoad = 16;
#pragma unroll 1
  for (unsigned turn = 1;; ++turn) {
    if (poll()) return WaitResult::arrived;
    if (failed || load_local(view.state.failed) == kHasFailed) return WaitResult::failed_before;
    const std::uint64_t now = now_ns();
    if (start_ns == 0) start_ns = now;
    const bool expired = now - start_ns >= timeout_ns;
    WaitResult result = expired ? WaitResult::timeout : WaitResult::arrived;
    if (load_acquire(poisoned) >= kPoison)
      result = WaitResult::peer_failed;
    else if ((expired || turn % kTurnsPerHostLoad == 0) &&
             load_acquire(view.state.gone + source) != 0)
      result = WaitResult::gone;
    // A signal that `source` sent before it failed or left is valid and may have arrived since the
    // last poll.
    if (result != WaitResult::arrived) return poll() ? WaitResult::arrived : result;
  }
}

/// Waits until the count of `source` at `word` reaches `wanted`.
__device__ inline WaitResult wait_count(const DeviceView& view, const std::uint64_t* word,
                                        std::uint64_t wanted, int source, std::uint64_t timeout_ns,
                                        std::uint64_t& start_ns) {
  return wait_for(
      view, [=] { return poll_briefly(word, wanted); }, word, wanted >= kPoison, source, timeout_ns,
      start_ns);
}

/// Returns whether a wait succeeded; if the wait failed, marks the SymmetricMemory as failed. If
/// `result` is failed_before but the SymmetricMemory is not marked, a host barrier has failed on
/// the channel.
__device__ inline bool end_wait(const DeviceView& view, WaitResult result,
                                Failure::Operation operation, int channel, int rank) {
  using Cause = Failure::Cause;
  if (result == WaitResult::arrived) return true;
  fail(view, operation,
       result == WaitResult::timeout       ? Cause::timeout
       : result == WaitResult::gone        ? Cause::gone
       : result == WaitResult::no_pointer  ? Cause::no_pointer
       : result == WaitResult::peer_failed ? Cause::peer_failed
                                           : Cause::channel_failed,
       channel, rank);
  return false;
}

/// Performs try_wait_signal for key peers. Kernels and the host both consume these signals, so the
/// consumed count is in host memory. The count is incremented after the signal has arrived.
__device__ inline WaitResult try_wait_network_signal(const DeviceView& view, int src, int channel,
                                                     std::uint64_t timeout_ns) {
  std::uint64_t* const taken = view.state.network_taken + slot(view, channel, src);
  const std::uint64_t before = load_acquire(taken);
  const std::uint64_t wanted = before < kPoison ? before + 1 : kUnreachable;
  std::uint64_t start_ns = 0;
  const WaitResult result = wait_count(view, incoming(view, channel, src, Count::signals), wanted,
                                       src, timeout_ns, start_ns);
  if (result != WaitResult::arrived) return result;
  if (load_local(view.state.failed) != 0)
    return WaitResult::failed_before;  // Keeps the poison value.
  store_for_host(taken, wanted);
  return result;
}

/// Waits for a signal but does not mark the SymmetricMemory as failed; the caller reports the
/// result. Increments `taken` before polling: the increment is then complete before the next
/// release operation, which a pending increment would delay. Rolls the increment back unless the
/// signal arrived. Preserves a poison value that another thread stores meanwhile.
__device__ inline WaitResult try_wait_signal(const DeviceView& view, int src, int channel,
                                             std::uint64_t timeout_ns) {
  if (pad(view, src) == nullptr) return try_wait_network_signal(view, src, channel, timeout_ns);
  std::uint64_t* const taken = view.state.taken + slot(view, channel, src);
  const std::uint64_t before = load_local(taken);
  const std::uint64_t wanted = before < kPoison ? before + 1 : kUnreachable;
  max_local(taken, wanted);
  std::uint64_t start_ns = 0;
  const WaitResult result = wait_count(view, incoming(view, channel, src, Count::signals), wanted,
                                       src, timeout_ns, start_ns);
  if (result != WaitResult::arrived)
    atomicCAS(reinterpret_cast<unsigned long long*>(taken), wanted, before);
  return result;
}

}  // namespace symmem::device::internal

#endif  // __CUDACC__
