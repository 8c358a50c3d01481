// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>

#include "base/deadline.hpp"
#include "base/futex.hpp"
#include "core/signal_pad.hpp"

namespace symmem {

/// ThreadSanitizer sees only this process: an order that another process makes (or this one through
/// another mapping of the same page) it takes for a race. In its builds every signal and every wait
/// passes through this one word as well. Pairs with itself: release by add_count, acquire by waits.
#if defined(__SANITIZE_THREAD__)
#define SYMMEM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SYMMEM_TSAN 1
#endif
#endif
#ifdef SYMMEM_TSAN
inline std::atomic<unsigned> tsan_order{0};
inline void tsan_release() { tsan_order.fetch_add(1, std::memory_order_acq_rel); }
inline void tsan_acquire() { tsan_order.load(std::memory_order_acquire); }
/// It does not know fences either.
inline void full_fence() { tsan_order.fetch_add(1); }
#else
inline void tsan_release() {}
inline void tsan_acquire() {}
inline void full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif

/// Makes the owner's sleepers look again. Pairs with wait_until: the count (or flag) that the
/// caller changed before, and `sleepers`, are sequentially consistent on both sides, so that either
/// the sleeper sees the change or the caller sees the sleeper.
inline void ring(const SignalPad& pad) {
  if (std::atomic_ref(pad.sleepers()).load(std::memory_order_seq_cst) == 0) return;
  std::atomic_ref(pad.doorbell()).fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(&pad.doorbell());
}

/// Adds one to a count of `pad` and rings. Orders all earlier writes of the caller before it.
inline void add_count(std::uint64_t& count, const SignalPad& pad) {
  tsan_release();
  std::atomic_ref(count).fetch_add(1, std::memory_order_seq_cst);
  ring(pad);
}

/// Writes a count that no other thread writes; unlike an addition, this does not wait until the
/// word is here. Orders all earlier writes of the caller before it. It rings nobody: that is for
/// ring(), after a full_fence() behind the last of several such writes.
inline void post_count(std::uint64_t& count, std::uint64_t value) {
  tsan_release();
  std::atomic_ref(count).store(value, std::memory_order_release);
}

/// Counts the caller among the sleepers of its own pad.
class Sleeping {
 public:
  explicit Sleeping(const SignalPad& own) : sleepers_(own.sleepers()) { sleepers_.fetch_add(1); }
  ~Sleeping() { sleepers_.fetch_sub(1); }
  Sleeping(const Sleeping&) = delete;
  Sleeping& operator=(const Sleeping&) = delete;

 private:
  const std::atomic_ref<std::uint32_t> sleepers_;
};

/// Begins a wait: looks for about as long as a word takes from core to core, without a pause and
/// without the clock, each of which takes as long as dozens of looks.
template <typename Ready>
bool comes_at_once(Ready ready) {
  constexpr int kLooks = 96;
  for (int i = 0; i < kLooks; ++i)
    if (ready()) return true;
  return false;
}

/// Waits on until ready() or the deadline; tells whether it was ready. `look` is called before each
/// sleep, as a counted sleeper, and may throw: it finds what would make the wait endless.
///
/// Spins about a microsecond, in which a peer that runs now answers; then yields some twenty times,
/// which with more ranks than cores lets the peer run; then sleeps (longer spinning takes the
/// processor from the very rank that is waited for).
template <typename Ready, typename Look>
bool wait_until(const SignalPad& own, const Deadline& deadline, Ready ready, Look look) {
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
  const std::atomic_ref doorbell(own.doorbell());
  while (!ready()) {
    const std::uint32_t before = doorbell.load(std::memory_order_seq_cst);
    const Sleeping sleeping(own);
    look();
    if (deadline.expired()) return ready();
    if (!ready()) futex_wait(&own.doorbell(), before, deadline.remaining());
  }
  return true;
}

}  // namespace symmem
