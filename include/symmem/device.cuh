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
/// for it on other GPUs that it reaches by pointer fails in its turn, whatever is still signalled,
/// and every host call but close throws the first failure. Nothing traps. One wait at a time on a
/// (channel, source), one barrier on a channel.
#pragma once

#include "symmem/device_words.cuh"

#ifdef __CUDACC__

namespace symmem::device {

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
  if (waited != Waited::arrived) store_own(taken, load_own(view.failed) == 0 ? before : kPoison);
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
