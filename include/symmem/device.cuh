// SPDX-License-Identifier: Apache-2.0
/// What kernels do with a DeviceView: signals and barriers between the ranks of a group. Header
/// only, C++17, no -rdc. Loads and stores to peers go through buffer() itself.
///
/// Each function comes for one thread (put_signal), for a whole warp (_warp, all 32 threads
/// together) and for a whole block (_block, all threads together, one-dimensional). What the
/// thread, warp or block did before put_signal or barrier is visible to whoever waited for it, on
/// every GPU of the group and on the host (release and acquire at system scope).
///
/// Waits end: after `timeout_ns`, or when the rank waited for is gone, they consume nothing, return
/// false, and mark the memory as failed. From then on its waits return false at once, what waits
/// for it on other GPUs fails in its turn, whatever is still signalled, and every host call but
/// close throws the first failure. Nothing traps. One wait at a time on a (channel, source), one
/// barrier on a channel.
#pragma once

#include "symmem/device_view.hpp"

#ifdef __CUDACC__

namespace symmem::device {

// Accesses to the words of a pad: at system scope, ordered.

/// Adds without returning the old value, which would take a round trip.
__device__ inline void add_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.release.sys.global.add.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline void or_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.release.sys.global.or.b64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
__device__ inline std::uint64_t load_acquire(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.acquire.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}

// Accesses to this rank's own words, which no other GPU looks at.

__device__ inline std::uint64_t load_own(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}
__device__ inline void store_own(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

__device__ inline std::uint64_t now_ns() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

/// First byte of `rank`'s buffer, to load and store; null where only the host's calls reach it.
template <typename T = void>
__device__ inline T* buffer(const DeviceView& view, int rank) {
  return static_cast<T*>(view.world_size <= DeviceView::kInlinePeers ? view.inline_buffers[rank]
                                                                     : view.buffers[rank]);
}
__device__ inline std::uint64_t* pad(const DeviceView& view, int rank) {
  return view.world_size <= DeviceView::kInlinePeers ? view.inline_pads[rank] : view.pads[rank];
}

enum class Count { signals, arrivals };
/// Which word of a pad counts what `source` does on `channel`.
__device__ inline std::uint64_t count_at(const DeviceView& view, int channel, int source,
                                         Count count) {
  const auto slot = static_cast<std::uint64_t>(channel) * view.world_size + source;
  return 8 + 2 * slot + (count == Count::arrivals ? 1 : 0);
}
/// Where this rank finds that count of its own pad.
__device__ inline const std::uint64_t* arriving(const DeviceView& view, int channel, int source,
                                                Count count) {
  const bool by_pointer = pad(view, source) != nullptr;
  return (by_pointer ? view.own_pad : view.network_pad) + count_at(view, channel, source, count);
}

/// The top bit of a count, which adding ones never reaches: what it counts has failed. So nobody
/// who signals needs to look whether the memory has failed before.
constexpr std::uint64_t kPoison = std::uint64_t{1} << 63;

/// Marks the memory as failed; the first failure is the one that the host throws. Then poisons what
/// this rank has consumed, which ends its own waits, and what it has signalled, which ends those
/// for it.
__device__ inline void fail(const DeviceView& view, Failure::Operation operation,
                            Failure::Cause cause, int channel, int rank) {
  auto* failed = reinterpret_cast<unsigned long long*>(view.failed);
  if (atomicCAS(failed, 0ull, 1ull) != 0) return;
  const std::uint64_t word = static_cast<std::uint64_t>(operation) << 56 |
                             static_cast<std::uint64_t>(cause) << 48 |
                             static_cast<std::uint64_t>(static_cast<std::uint16_t>(channel)) << 32 |
                             static_cast<std::uint32_t>(rank);
  asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(view.failure), "l"(word) : "memory");
#pragma unroll 1
  for (int c = 0; c < view.channels; ++c) {
    store_own(view.epochs + c, kPoison);
#pragma unroll 1
    for (int peer = 0; peer < view.world_size; ++peer) {
      store_own(view.taken + static_cast<std::uint64_t>(c) * view.world_size + peer, kPoison);
      std::uint64_t* const theirs = pad(view, peer);
      if (theirs == nullptr) continue;
      or_release(theirs + count_at(view, c, view.rank, Count::signals), kPoison);
      or_release(theirs + count_at(view, c, view.rank, Count::arrivals), kPoison);
    }
  }
}

/// Why a wait is over. Nothing is marked yet.
enum class Waited { arrived, timeout, gone, peer_failed, failed_before };

/// Waits until the count of `source` has reached `wanted`. Looks at the clock and at what lies on
/// the host now and then: a load from there takes as long as dozens of looks. One thread goes
/// through this alone, so what counts is how few instructions are on its way: nothing is unrolled.
__device__ inline Waited wait_count(const DeviceView& view, const std::uint64_t* word,
                                    std::uint64_t wanted, int source, std::uint64_t timeout_ns) {
  constexpr unsigned kLooks = 64, kTurnsToHost = 16;
  const auto arrived = [](std::uint64_t count) {
    return count < kPoison ? Waited::arrived : Waited::peer_failed;
  };
  std::uint64_t begin = 0;
#pragma unroll 1
  for (unsigned turn = 1;; ++turn) {
#pragma unroll 1
    for (unsigned looks = 0; looks < kLooks; ++looks) {
      const std::uint64_t count = load_acquire(word);
      if (count >= wanted) return arrived(count);
    }
    if (wanted >= kPoison || load_own(view.failed) != 0) return Waited::failed_before;
    const std::uint64_t now = now_ns();
    if (begin == 0) begin = now;
    const bool late = now - begin >= timeout_ns;
    // What the source did before it went still counts.
    if ((late || turn % kTurnsToHost == 0) &&
        *static_cast<const volatile std::uint32_t*>(view.gone + source) != 0) {
      const std::uint64_t last = load_acquire(word);
      return last >= wanted ? arrived(last) : Waited::gone;
    }
    if (late) return Waited::timeout;
  }
}

/// Whether a wait went well; marks the memory if not.
__device__ inline bool settle(const DeviceView& view, Waited waited, Failure::Operation operation,
                              int channel, int rank) {
  if (waited == Waited::arrived) return true;
  if (waited == Waited::failed_before) return false;
  fail(view, operation,
       waited == Waited::timeout ? Failure::Cause::timeout
       : waited == Waited::gone  ? Failure::Cause::gone
                                 : Failure::Cause::peer_failed,
       channel, rank);
  return false;
}

// Signals.

/// Adds one to the count (channel, this rank) at `dst`. Never waits for the receiver.
__device__ inline void put_signal(const DeviceView& view, int dst, int channel) {
  std::uint64_t* const theirs = pad(view, dst);
  if (theirs == nullptr)
    return fail(view, Failure::Operation::put_signal, Failure::Cause::no_pointer, channel, dst);
  add_release(theirs + count_at(view, channel, view.rank, Count::signals), 1);
}
__device__ inline void put_signal_warp(const DeviceView& view, int dst, int channel) {
  __syncwarp();
  if (threadIdx.x % 32 == 0) put_signal(view, dst, channel);
}
__device__ inline void put_signal_block(const DeviceView& view, int dst, int channel) {
  __syncthreads();
  if (threadIdx.x == 0) put_signal(view, dst, channel);
}

/// Waits without marking a failure: for who reports it otherwise. What is consumed is stored first
/// and taken back if nothing came: the store is then over when the signal is there, and does not
/// hold up the next release.
__device__ inline Waited try_wait_signal(const DeviceView& view, int src, int channel,
                                         std::uint64_t timeout_ns) {
  std::uint64_t* const taken =
      view.taken + static_cast<std::uint64_t>(channel) * view.world_size + src;
  const std::uint64_t before = load_own(taken);
  if (before < kPoison) store_own(taken, before + 1);
  const Waited waited =
      wait_count(view, arriving(view, channel, src, Count::signals), before + 1, src, timeout_ns);
  if (waited != Waited::arrived) store_own(taken, before);
  return waited;
}

/// Waits for a signal of `src` on `channel` and consumes one.
__device__ inline bool wait_signal(const DeviceView& view, int src, int channel,
                                   std::uint64_t timeout_ns) {
  return settle(view, try_wait_signal(view, src, channel, timeout_ns),
                Failure::Operation::wait_signal, channel, src);
}
__device__ inline bool wait_signal(const DeviceView& view, int src, int channel) {
  return wait_signal(view, src, channel, view.timeout_ns);
}
__device__ inline bool wait_signal_warp(const DeviceView& view, int src, int channel,
                                        std::uint64_t timeout_ns) {
  bool arrived = true;
  if (threadIdx.x % 32 == 0) arrived = wait_signal(view, src, channel, timeout_ns);
  __syncwarp();  // What the one lane acquired is then there for all; a vote orders no memory.
  return __all_sync(0xFFFFFFFFu, arrived);
}
__device__ inline bool wait_signal_warp(const DeviceView& view, int src, int channel) {
  return wait_signal_warp(view, src, channel, view.timeout_ns);
}
__device__ inline bool wait_signal_block(const DeviceView& view, int src, int channel,
                                         std::uint64_t timeout_ns) {
  bool arrived = true;
  if (threadIdx.x == 0) arrived = wait_signal(view, src, channel, timeout_ns);
  return __syncthreads_and(arrived) != 0;
}
__device__ inline bool wait_signal_block(const DeviceView& view, int src, int channel) {
  return wait_signal_block(view, src, channel, view.timeout_ns);
}

// Barriers.

/// The `i`th peer of this rank, 0 .. world_size-2: each rank begins behind itself.
__device__ inline int nth_peer(const DeviceView& view, int i) {
  const int peer = view.rank + 1 + i;
  return peer < view.world_size ? peer : peer - view.world_size;
}

/// Thread `lane` of `width` tells its share of the peers that this rank has arrived: a peer each,
/// so that one release serves all. Returns a peer that has no pointer, and is not told, or -1.
__device__ inline int arrive(const DeviceView& view, int channel, int lane, int width) {
  const std::uint64_t at = count_at(view, channel, view.rank, Count::arrivals);
  int untold = -1;
#pragma unroll 1
  for (int i = lane; i < view.world_size - 1; i += width) {
    const int peer = nth_peer(view, i);
    std::uint64_t* const theirs = pad(view, peer);
    if (theirs != nullptr)
      add_release(theirs + at, 1);
    else
      untold = peer;
  }
  return untold;
}

/// Waits for the same share of the peers; `at` becomes the last one waited for.
__device__ inline Waited await(const DeviceView& view, int channel, std::uint64_t epoch, int lane,
                               int width, std::uint64_t timeout_ns, int& at) {
#pragma unroll 1
  for (int i = lane; i < view.world_size - 1; i += width) {
    at = nth_peer(view, i);
    const Waited waited =
        wait_count(view, arriving(view, channel, at, Count::arrivals), epoch, at, timeout_ns);
    if (waited != Waited::arrived) return waited;
  }
  return Waited::arrived;
}

/// The number of the barrier that this rank is in, loaded behind the arrival so that the one does
/// not wait for the other. Of one thread; it is counted at once, since a barrier that failed is
/// over, too.
__device__ inline std::uint64_t next_epoch(const DeviceView& view, int channel) {
  const std::uint64_t epoch = load_own(view.epochs + channel) + 1;
  if (epoch < kPoison) store_own(view.epochs + channel, epoch);
  return epoch;
}

/// Whether the barrier went well for this thread's share; marks a failure. `untold` is what arrive
/// returned.
__device__ inline bool await_all(const DeviceView& view, int channel, std::uint64_t epoch, int lane,
                                 int width, std::uint64_t timeout_ns, int untold) {
  if (untold >= 0) {
    fail(view, Failure::Operation::barrier, Failure::Cause::no_pointer, channel, untold);
    return false;
  }
  int at = view.rank;
  const Waited waited = await(view, channel, epoch, lane, width, timeout_ns, at);
  return settle(view, waited, Failure::Operation::barrier, channel, at);
}

/// Returns when all ranks have called it on `channel`. Does not touch the signals of that channel.
/// One thread tells one peer after the other: prefer a warp or a block.
__device__ inline bool barrier(const DeviceView& view, int channel, std::uint64_t timeout_ns) {
  const int untold = arrive(view, channel, 0, 1);
  return await_all(view, channel, next_epoch(view, channel), 0, 1, timeout_ns, untold);
}
__device__ inline bool barrier(const DeviceView& view, int channel) {
  return barrier(view, channel, view.timeout_ns);
}
__device__ inline bool barrier_warp(const DeviceView& view, int channel, std::uint64_t timeout_ns) {
  __syncwarp();
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int untold = arrive(view, channel, lane, 32);
  unsigned long long epoch = lane == 0 ? next_epoch(view, channel) : 0;
  epoch = __shfl_sync(0xFFFFFFFFu, epoch, 0);
  const bool arrived = await_all(view, channel, epoch, lane, 32, timeout_ns, untold);
  __syncwarp();
  return __all_sync(0xFFFFFFFFu, arrived);
}
__device__ inline bool barrier_warp(const DeviceView& view, int channel) {
  return barrier_warp(view, channel, view.timeout_ns);
}
__device__ inline bool barrier_block(const DeviceView& view, int channel,
                                     std::uint64_t timeout_ns) {
  __shared__ std::uint64_t epoch;
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x), width = static_cast<int>(blockDim.x);
  const int untold = arrive(view, channel, lane, width);
  if (lane == 0) epoch = next_epoch(view, channel);
  __syncthreads();
  return __syncthreads_and(await_all(view, channel, epoch, lane, width, timeout_ns, untold)) != 0;
}
__device__ inline bool barrier_block(const DeviceView& view, int channel) {
  return barrier_block(view, channel, view.timeout_ns);
}

}  // namespace symmem::device

#endif  // __CUDACC__
