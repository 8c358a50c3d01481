// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/futex.hpp"

namespace symmem {

/// In a build with ThreadSanitizer, each signal calls tsan_release() and each wait calls
/// tsan_acquire(). Without these calls ThreadSanitizer would report a race, because it does not
/// detect synchronization through another process or through a second mapping of a page.
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
/// Increments `tsan_order` instead of a fence, because ThreadSanitizer does not model fences.
inline void full_fence() { tsan_order.fetch_add(1); }
#else
inline void tsan_release() {}
inline void tsan_acquire() {}
inline void full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif

/// A futex with which the writer of a count wakes threads that wait for the count. A Doorbell is a
/// non-owning view of two u32 in shared memory. The bell, at byte 0, is incremented to make
/// sleeping threads poll again. `sleepers`, at byte 4, is the number of sleeping threads of the
/// process that waits for the count.
class Doorbell {
 public:
  explicit Doorbell(std::byte* base) : words_(reinterpret_cast<std::uint32_t*>(base)) {}

  std::uint32_t& bell() const { return words_[0]; }
  std::uint32_t& sleepers() const { return words_[1]; }

  /// Wakes the sleeping threads, which then poll again. Before the call, the caller changes a count
  /// or a flag. The caller and the waiting threads access this value and `sleepers` with
  /// sequentially consistent operations. Therefore either the waiting thread reads the new value,
  /// or the caller reads a nonzero `sleepers`.
  void ring() const {
    if (std::atomic_ref(sleepers()).load(std::memory_order_seq_cst) == 0) return;
    std::atomic_ref(bell()).fetch_add(1, std::memory_order_seq_cst);
    futex_wake_all(&bell());
  }

 private:
  std::uint32_t* words_;
};

/// Increments `count` and rings `doorbell`. All earlier writes of the caller are ordered before the
/// increment.
inline void add_count(std::uint64_t& count, const Doorbell& doorbell) {
  tsan_release();
  std::atomic_ref(count).fetch_add(1, std::memory_order_seq_cst);
  doorbell.ring();
}

/// Stores `value` in `count`, which only the calling thread may write. Unlike an atomic addition,
/// the store does not wait for the cache line. All earlier writes of the caller are ordered before
/// the store. The doorbell is not rung: after the last of several stores, call full_fence() and
/// then Doorbell::ring().
inline void post_count(std::uint64_t& count, std::uint64_t value) {
  tsan_release();
  std::atomic_ref(count).store(value, std::memory_order_release);
}

}  // namespace symmem
