// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>

#include "base/deadline.hpp"
#include "base/doorbell.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// RAII: registers the calling thread as a sleeper of a doorbell.
class SleeperGuard {
 public:
  explicit SleeperGuard(const Doorbell& doorbell) : sleepers_(doorbell.sleepers()) {
    sleepers_.fetch_add(1);
  }
  ~SleeperGuard() { sleepers_.fetch_sub(1); }
  SleeperGuard(const SleeperGuard&) = delete;
  SleeperGuard& operator=(const SleeperGuard&) = delete;

 private:
  const std::atomic_ref<std::uint32_t> sleepers_;
};

/// Polls `ready` for about the time in which a cache line moves between two cores. Returns whether
/// `ready` returned true. Does not pause or read the clock, because each takes as long as dozens of
/// polls.
template <typename Ready>
bool poll_without_clock(Ready ready) {
  constexpr int kPolls = 96;
  for (int i = 0; i < kPolls; ++i)
    if (ready()) return true;
  return false;
}

/// Polls `ready` and progresses the network for up to `longest`. Returns whether `ready` returned
/// true. Saves two thread switches if the peer answers soon. `progress_key` is any key of the
/// network transport; if it is null, polls as poll_without_clock does.
template <typename Ready>
bool poll_briefly(BlockKey* progress_key, std::chrono::microseconds longest, Ready ready) {
  if (poll_without_clock(ready)) return true;
  if (progress_key == nullptr) return false;
  const auto end = Deadline::Clock::now() + longest;
  do {
    progress_key->poll();
    if (ready()) return true;
    ::sched_yield();  // Several ranks may share this core.
  } while (Deadline::Clock::now() < end);
  progress_key->stop_polling();
  return ready();
}

/// Blocks until `ready` returns true or the deadline passes. Returns whether `ready` returned true.
/// Before each sleep, registers this thread as a sleeper of `doorbell` and then calls `check`,
/// which throws if the wait can no longer complete.
///
/// Spins for about a microsecond, because a running peer usually answers within that time. Then
/// yields twenty times, so that the peer runs if ranks outnumber cores. Then sleeps, because longer
/// spinning would occupy a core that the awaited rank may need.
template <typename Ready, typename Check>
bool wait_until(const Doorbell& doorbell, const Deadline& deadline, Ready ready, Check check) {
  constexpr std::chrono::nanoseconds kSpin{1000};
  constexpr int kYields = 20;
  const auto spin_end = deadline.when() - deadline.timeout() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (Deadline::Clock::now() < spin_end);
  for (int i = 0; i < kYields; ++i) {
    if (ready()) return true;
    ::sched_yield();
  }
  const std::atomic_ref bell(doorbell.bell());
  while (!ready()) {
    const std::uint32_t before = bell.load(std::memory_order_seq_cst);
    const SleeperGuard sleeper(doorbell);
    check();
    if (deadline.expired()) return ready();
    if (!ready()) futex_wait(&doorbell.bell(), before, deadline.remaining());
  }
  return true;
}

}  // namespace symmem
