// SPDX-License-Identifier: Apache-2.0
/// The words by which the GPUs of a group tell each other things, and waiting for them: what
/// symmem/device.cuh is made of.
#pragma once

#include "symmem/device_view.hpp"

#ifdef __CUDACC__

namespace symmem::device {

// Accesses to the words of a pad: at system scope, ordered.

/// Adds without returning the old value, which would take a round trip. What is added does not look
/// the same in all lanes: else the compiler has the lanes that get here vote and one of them add
/// for all, a dozen instructions before the fence.
__device__ inline void add_release(std::uint64_t* word, std::uint64_t value) {
  unsigned lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  asm volatile("red.release.sys.global.add.u64 [%0], %1;" ::"l"(word), "l"(value + (lane >> 31))
               : "memory");
}
/// Raises to `value`, or leaves what is larger.
__device__ inline void max_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.release.sys.global.max.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline void or_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.release.sys.global.or.b64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline std::uint64_t load_acquire(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}

__device__ inline std::uint32_t load_acquire(const std::uint32_t* word) {
  std::uint32_t value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(word) : "memory");
  return value;
}

// Accesses to this rank's own words in GPU memory, which no other GPU looks at.

__device__ inline std::uint64_t load_local(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}
__device__ inline void store_local(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

/// Raises a word of one's own that only grows: the poison in it, the largest number, stays.
__device__ inline void max_local(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.relaxed.gpu.global.max.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

__device__ inline std::uint64_t now_ns() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

/// To a word of pinned host memory that no GPU but this one writes.
__device__ inline void store_for_host(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

/// From a table of pointers in GPU memory, which does not change while a kernel runs.
template <typename T>
__device__ inline T* look_up(T* const* table, int rank) {
  return reinterpret_cast<T*>(__ldg(reinterpret_cast<const unsigned long long*>(table + rank)));
}
/// First byte of `rank`'s buffer, to load and store; null where only the host's calls reach it.
template <typename T = void>
__device__ inline T* buffer(const DeviceView& view, int rank) {
  return static_cast<T*>(view.world_size <= DeviceView::kInlinePeers ? view.inline_buffers[rank]
                                                                     : look_up(view.buffers, rank));
}
__device__ inline std::uint64_t* pad(const DeviceView& view, int rank) {
  return view.world_size <= DeviceView::kInlinePeers ? view.inline_pads[rank]
                                                     : look_up(view.pads, rank);
}

/// Of a table by channel, then source.
__device__ inline std::uint64_t slot(const DeviceView& view, int channel, int source) {
  return static_cast<std::uint64_t>(channel) * view.world_size + source;
}

enum class Count { signals, arrivals };
/// Which word of a pad counts what `source` does on `channel`.
__device__ inline std::uint64_t count_at(const DeviceView& view, int channel, int source,
                                         Count count) {
  return 8 + 2 * slot(view, channel, source) + (count == Count::arrivals ? 1 : 0);
}
/// Where this rank finds that count of its own pad.
__device__ inline const std::uint64_t* arriving(const DeviceView& view, int channel, int source,
                                                Count count) {
  const bool by_pointer = pad(view, source) != nullptr;
  return (by_pointer ? view.own_pad : view.network_pad) + count_at(view, channel, source, count);
}

/// What the word `failed` is once `failure` says why; before, whoever fails first claims it.
constexpr std::uint64_t kHasFailed = 2;
/// The top bit of a count, which adding ones never reaches: what it counts has failed. So nobody
/// who signals needs to look whether the memory has failed before.
constexpr std::uint64_t kPoison = DeviceView::kPoison;

/// Marks the memory as failed; the first failure is the one that the host throws. Then poisons what
/// this rank has consumed, which ends its own waits, and what it has signalled, which ends those
/// for it.
__device__ inline void fail(const DeviceView& view, Failure::Operation operation,
                            Failure::Cause cause, int channel, int rank) {
  constexpr unsigned long long kClaimed = 1;
  auto* failed = reinterpret_cast<unsigned long long*>(view.failed);
  if (atomicCAS(failed, 0ull, kClaimed) != 0) {
    while (load_local(view.failed) != kHasFailed) {
    }
    return;
  }
  const std::uint64_t word = static_cast<std::uint64_t>(operation) << 56 |
                             static_cast<std::uint64_t>(cause) << 48 |
                             static_cast<std::uint64_t>(static_cast<std::uint16_t>(channel)) << 32 |
                             static_cast<std::uint32_t>(rank);
  store_for_host(view.failure, word);
  // Others tell the host that the memory has failed, and it is to find why.
  __threadfence_system();
  store_local(view.failed, kHasFailed);
#pragma unroll 1
  for (int c = 0; c < view.channels; ++c) {
    store_local(view.epochs + c, kPoison);
#pragma unroll 1
    for (int peer = 0; peer < view.world_size; ++peer) {
      std::uint64_t* const theirs = pad(view, peer);
      if (theirs == nullptr) {
        store_for_host(view.network_taken + slot(view, c, peer), kPoison);
        continue;
      }
      store_local(view.taken + slot(view, c, peer), kPoison);
      or_release(theirs + count_at(view, c, view.rank, Count::signals), kPoison);
      or_release(theirs + count_at(view, c, view.rank, Count::arrivals), kPoison);
    }
  }
}

/// Why a wait is over. Nothing is marked yet.
enum class Waited { arrived, timeout, gone, no_pointer, peer_failed, failed_before };

/// What is wanted by who has failed before: no count comes to it, nor to what lies around it.
constexpr std::uint64_t kUnreachable = kPoison | kPoison >> 2;

/// Whether a count has reached `wanted` and is not poisoned.
__device__ inline bool reached(std::uint64_t count, std::uint64_t wanted) {
  return (count - wanted) >> 62 == 0;
}

/// Looks a while, until `look` finds something. One thread goes through this alone, so what counts
/// is how few instructions are on its way.
template <typename Look>
__device__ inline bool poll_briefly(Look look) {
#pragma unroll 1
  for (unsigned looks = 0; looks < 64; ++looks)
    if (look()) return true;
  return false;
}
__device__ inline bool poll_briefly(const std::uint64_t* word, std::uint64_t wanted) {
  return poll_briefly([=] { return reached(load_acquire(word), wanted); });
}

/// Goes on waiting until `looks`, which look a while, find what `source` is to write. Looks at the
/// clock and at what lies on the host now and then: a load from there takes as long as dozens of
/// looks. `poisoned` is a count that the source poisons when it fails; `begin` is when the first
/// wait of the call began, 0 before.
template <typename Looks>
__device__ inline Waited wait_for(const DeviceView& view, Looks looks,
                                  const std::uint64_t* poisoned, bool failed, int source,
                                  std::uint64_t timeout_ns, std::uint64_t& begin) {
  constexpr unsigned kTurnsToHost = 16;
#pragma unroll 1
  for (unsigned turn = 1;; ++turn) {
    if (looks()) return Waited::arrived;
    if (failed || load_local(view.failed) == kHasFailed) return Waited::failed_before;
    const std::uint64_t now = now_ns();
    if (begin == 0) begin = now;
    const bool late = now - begin >= timeout_ns;
    Waited over = late ? Waited::timeout : Waited::arrived;
    if (load_acquire(poisoned) >= kPoison)
      over = Waited::peer_failed;
    else if ((late || turn % kTurnsToHost == 0) && load_acquire(view.gone + source) != 0)
      over = Waited::gone;
    // What the source did before that still counts, and came perhaps since the last look.
    if (over != Waited::arrived) return looks() ? Waited::arrived : over;
  }
}

/// Until the count of `source` has reached `wanted`.
__device__ inline Waited wait_count(const DeviceView& view, const std::uint64_t* word,
                                    std::uint64_t wanted, int source, std::uint64_t timeout_ns,
                                    std::uint64_t& begin) {
  return wait_for(
      view, [=] { return poll_briefly(word, wanted); }, word, wanted >= kPoison, source, timeout_ns,
      begin);
}

/// Whether a wait went well; marks the memory if not, unless it is marked already. Of memory that
/// is not, what had failed before is the channel: a barrier that the host waited for.
__device__ inline bool settle(const DeviceView& view, Waited waited, Failure::Operation operation,
                              int channel, int rank) {
  using Cause = Failure::Cause;
  if (waited == Waited::arrived) return true;
  fail(view, operation,
       waited == Waited::timeout       ? Cause::timeout
       : waited == Waited::gone        ? Cause::gone
       : waited == Waited::no_pointer  ? Cause::no_pointer
       : waited == Waited::peer_failed ? Cause::peer_failed
                                       : Cause::channel_failed,
       channel, rank);
  return false;
}

}  // namespace symmem::device

#endif  // __CUDACC__
