// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>

#include "base/deadline.hpp"
#include "base/doorbell.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// Counts the caller among the sleepers of its own pad.
class Sleeping {
 public:
  explicit Sleeping(const Doorbell& own) : sleepers_(own.sleepers()) { sleepers_.fetch_add(1); }
  ~Sleeping() { sleepers_.fetch_sub(1); }
  Sleeping(const Sleeping&) = delete;
  Sleeping& operator=(const Sleeping&) = delete;

 private:
  const std::atomic_ref<std::uint32_t> sleepers_;
};

/// Begins a wait: looks for about as long as a word takes from core to core, without a pause and
/// without the clock, each of which takes as long as dozens of looks.
template <typename Ready>
bool poll_at_once(Ready ready) {
  constexpr int kLooks = 96;
  for (int i = 0; i < kLooks; ++i)
    if (ready()) return true;
  return false;
}

/// The same, and carries on what comes by network meanwhile, for `longest`: that saves two switches
/// between threads where the peer answers soon. `poller` is a key by which it comes, or null.
template <typename Ready>
bool poll_briefly(BlockKey* poller, std::chrono::microseconds longest, Ready ready) {
  if (poll_at_once(ready)) return true;
  if (poller == nullptr) return false;
  const auto end = Deadline::Clock::now() + longest;
  do {
    poller->poll();
    if (ready()) return true;
    ::sched_yield();  // Several ranks may share this core.
  } while (Deadline::Clock::now() < end);
  poller->stop_polling();
  return ready();
}

/// Waits on until ready() or the deadline; tells whether it was ready. `look` is called before each
/// sleep, as a counted sleeper, and may throw: it finds what would make the wait endless.
///
/// Spins about a microsecond, in which a peer that runs now answers; then yields some twenty times,
/// which with more ranks than cores lets the peer run; then sleeps (longer spinning takes the
/// processor from the very rank that is waited for).
template <typename Ready, typename Look>
bool wait_until(const Doorbell& own, const Deadline& deadline, Ready ready, Look look) {
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
  const std::atomic_ref bell(own.bell());
  while (!ready()) {
    const std::uint32_t before = bell.load(std::memory_order_seq_cst);
    const Sleeping sleeping(own);
    look();
    if (deadline.expired()) return ready();
    if (!ready()) futex_wait(&own.bell(), before, deadline.remaining());
  }
  return true;
}

}  // namespace symmem
