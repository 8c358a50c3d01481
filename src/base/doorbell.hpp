// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/futex.hpp"

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

/// How a sleeper is woken by who changed a count that it waits for. Lies in the memory that both
/// share, hence the layout: byte 0 u32 bell, changes when a sleeper is to look again; byte 4 u32
/// sleepers, how many of the owner's threads sleep on it. A view: it owns nothing.
class Doorbell {
 public:
  explicit Doorbell(std::byte* base) : words_(reinterpret_cast<std::uint32_t*>(base)) {}

  std::uint32_t& bell() const { return words_[0]; }
  std::uint32_t& sleepers() const { return words_[1]; }

  /// Makes the owner's sleepers look again. The count (or flag) that the caller changed before, and
  /// `sleepers`, are sequentially consistent on both sides, so that either the sleeper sees the
  /// change or the caller sees the sleeper.
  void ring() const {
    if (std::atomic_ref(sleepers()).load(std::memory_order_seq_cst) == 0) return;
    std::atomic_ref(bell()).fetch_add(1, std::memory_order_seq_cst);
    futex_wake_all(&bell());
  }

 private:
  std::uint32_t* words_;
};

/// Adds one to a count and rings. Orders all earlier writes of the caller before it.
inline void add_count(std::uint64_t& count, const Doorbell& doorbell) {
  tsan_release();
  std::atomic_ref(count).fetch_add(1, std::memory_order_seq_cst);
  doorbell.ring();
}

/// Writes a count that no other thread writes; unlike an addition, this does not wait until the
/// word is here. Orders all earlier writes of the caller before it. It rings nobody: that is for
/// ring(), after a full_fence() behind the last of several such writes.
inline void post_count(std::uint64_t& count, std::uint64_t value) {
  tsan_release();
  std::atomic_ref(count).store(value, std::memory_order_release);
}

}  // namespace symmem
