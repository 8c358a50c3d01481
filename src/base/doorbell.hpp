// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/futex.hpp"

namespace symmem {

/// ThreadSanitizer does not see synchronization through another process or through a second mapping
/// of a page, and reports it as a race. In its builds each signal and each wait also accesses this
/// one word. It pairs with itself: add_count releases, waits acquire.
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
/// ThreadSanitizer does not model fences.
inline void full_fence() { tsan_order.fetch_add(1); }
#else
inline void tsan_release() {}
inline void tsan_acquire() {}
inline void full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif

/// A futex by which the writer of a count wakes threads that wait for the count. Non-owning view of
/// 8 bytes of shared memory: byte 0 u32 bell, incremented to make sleepers poll again; byte 4 u32
/// sleepers, the number of the owner's threads that sleep on the bell.
class Doorbell {
 public:
  explicit Doorbell(std::byte* base) : words_(reinterpret_cast<std::uint32_t*>(base)) {}

  std::uint32_t& bell() const { return words_[0]; }
  std::uint32_t& sleepers() const { return words_[1]; }

  /// Wakes the owner's sleepers, which poll again. Both sides access the count (or flag), which the
  /// caller changed before, and `sleepers` sequentially consistently: either the sleeper sees the
  /// change, or the caller sees the sleeper.
  void ring() const {
    if (std::atomic_ref(sleepers()).load(std::memory_order_seq_cst) == 0) return;
    std::atomic_ref(bell()).fetch_add(1, std::memory_order_seq_cst);
    futex_wake_all(&bell());
  }

 private:
  std::uint32_t* words_;
};

/// Increments a count and rings. All earlier writes of the caller are ordered before the increment.
inline void add_count(std::uint64_t& count, const Doorbell& doorbell) {
  tsan_release();
  std::atomic_ref(count).fetch_add(1, std::memory_order_seq_cst);
  doorbell.ring();
}

/// Stores a count that only this thread writes. Unlike an atomic addition, the store does not wait
/// for the cache line. All earlier writes of the caller are ordered before it. Does not ring: after
/// the last of several stores, call full_fence(), then ring().
inline void post_count(std::uint64_t& count, std::uint64_t value) {
  tsan_release();
  std::atomic_ref(count).store(value, std::memory_order_release);
}

}  // namespace symmem
