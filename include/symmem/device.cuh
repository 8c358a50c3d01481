// SPDX-License-Identifier: Apache-2.0
/// What kernels do with a DeviceView: signals and barriers between the ranks of a group, and
/// packets (symmem/device_packets.cuh). Header only, C++17, no -rdc. Loads and stores to peers go
/// through buffer() itself.
///
/// Each function comes for one thread (put_signal), for a whole warp (_warp, all 32 threads
/// together) and for a whole block (_block, all threads together); blocks are one-dimensional.
/// Ranks and channels must exist: nothing checks them. Blocks that wait for each other must all be
/// resident. A peer without a pointer can be waited for; to signal it, or to meet it in a barrier,
/// is a failure. After a wait plain loads see what was signalled for. What the
/// thread, warp or block did before put_signal or barrier is visible to whoever waited for it, on
/// every GPU of the group and on the host (release and acquire at system scope).
///
/// Waits end: after `timeout_ns`, or when the rank waited for is gone, they consume nothing, return
/// false, and mark the memory as failed: has_failed(view). From then on its waits return false at
/// once (but those for packets that are there), what waits for it on other GPUs that it reaches by
/// pointer fails in its turn, whatever is still signalled, and every host call but close throws the
/// first failure. Nothing traps. One wait at a time on a (channel, source), one barrier on a
/// channel.
#pragma once

#include "symmem/device_packets.cuh"
#include "symmem/device_words.cuh"

#ifdef __CUDACC__

namespace symmem::device {

/// Whether this rank's memory has failed, in a kernel that is over or in this one.
__device__ inline bool has_failed(const DeviceView& view) { return load_local(view.failed) != 0; }

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

/// The same for what comes by network. The host consumes it, too, in turn with kernels: what is
/// consumed is counted in its memory, and when it is there.
__device__ inline Waited try_wait_network(const DeviceView& view, int src, int channel,
                                          std::uint64_t timeout_ns) {
  std::uint64_t* const count = view.network_taken + slot(view, channel, src);
  const std::uint64_t before = load_acquire(count);
  const std::uint64_t wanted = before < kPoison ? before + 1 : kUnreachable;
  std::uint64_t begin = 0;
  const Waited waited = wait_count(view, arriving(view, channel, src, Count::signals), wanted, src,
                                   timeout_ns, begin);
  if (waited != Waited::arrived) return waited;
  if (load_local(view.failed) != 0) return Waited::failed_before;  // Its poison stays.
  store_for_host(count, wanted);
  return waited;
}

/// Waits without marking a failure: for who reports it otherwise. What is consumed is counted first
/// and taken back if nothing came: the addition is then over when the signal is there, and does not
/// hold up the next release. Poison that comes meanwhile stays.
__device__ inline Waited try_wait_signal(const DeviceView& view, int src, int channel,
                                         std::uint64_t timeout_ns) {
  if (pad(view, src) == nullptr) return try_wait_network(view, src, channel, timeout_ns);
  std::uint64_t* const count = view.taken + slot(view, channel, src);
  const std::uint64_t before = load_local(count);
  const std::uint64_t wanted = before < kPoison ? before + 1 : kUnreachable;
  max_local(count, wanted);
  std::uint64_t begin = 0;
  const Waited waited = wait_count(view, arriving(view, channel, src, Count::signals), wanted, src,
                                   timeout_ns, begin);
  if (waited != Waited::arrived)
    atomicCAS(reinterpret_cast<unsigned long long*>(count), wanted, before);
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

/// Who makes a call together: one thread, the 32 threads of a warp, or all of a block.
enum class Scope { thread, warp, block };

/// The barrier of a channel, for who meets there again and again in one kernel: what a barrier
/// needs is in registers, the epoch too. Made, then called, by all threads of the scope together;
/// while it lives nobody else of this rank uses the barrier of that channel. If the memory fails
/// elsewhere meanwhile, the first call that has to wait returns false.
template <Scope kScope>
class Barrier {
 public:
  Barrier(const DeviceView&& view, int channel) = delete;  // It refers to the view.
  __device__ Barrier(const DeviceView& view, int channel)
      : view_(view),
        channel_(channel),
        several_(view.world_size - 1 > width()),
        epoch_(load_local(view.epochs + channel)) {
    broken_ = epoch_ >= kPoison;
    if (lane() < view.world_size - 1) mine_ = find(lane());
  }

  /// Returns when all ranks have called it; false if that failed, then and ever after.
  __device__ bool operator()(std::uint64_t timeout_ns) {
    if constexpr (kScope == Scope::warp) __syncwarp();
    if constexpr (kScope == Scope::block) __syncthreads();
    ++epoch_;
    bool well = true;
    if (mine_.rank >= 0) well = meet(timeout_ns);
    if constexpr (kScope == Scope::warp) {
      __syncwarp();  // What a lane acquired is then there for all; a vote orders no memory.
      well = __all_sync(0xFFFFFFFFu, well);
    }
    if constexpr (kScope == Scope::block) well = __syncthreads_and(well) != 0;
    broken_ = broken_ || !well;
    return well;
  }
  __device__ bool operator()() { return (*this)(view_.timeout_ns); }

 private:
  /// A peer, and where the arrivals there and here are counted.
  struct Peer {
    int rank = -1;  ///< -1: none.
    std::uint64_t* theirs = nullptr;
    const std::uint64_t* ours = nullptr;
  };

  __device__ static int lane() {
    if constexpr (kScope == Scope::thread) return 0;
    if constexpr (kScope == Scope::warp) return static_cast<int>(threadIdx.x % 32);
    return static_cast<int>(threadIdx.x);
  }
  __device__ static int width() {
    if constexpr (kScope == Scope::thread) return 1;
    if constexpr (kScope == Scope::warp) return 32;
    return static_cast<int>(blockDim.x);
  }

  /// The `i`th peer, of 0 .. world_size-2: each rank begins behind itself.
  __device__ Peer find(int i) {
    const int next = view_.rank + 1 + i;
    Peer peer;
    peer.rank = next < view_.world_size ? next : next - view_.world_size;
    peer.theirs = pad(view_, peer.rank);
    if (peer.theirs == nullptr) {
      unreached_ = peer.rank;
      broken_ = true;
    }
    peer.theirs += count_at(view_, channel_, view_.rank, Count::arrivals);
    peer.ours = view_.own_pad + count_at(view_, channel_, peer.rank, Count::arrivals);
    return peer;
  }

  /// This thread's share of the peers: one or, where they are more than the threads, several.
  __device__ bool meet(std::uint64_t timeout_ns) {
    if (!broken_) {
      max_release(mine_.theirs, epoch_);
      if (lane() == 0) max_local(view_.epochs + channel_, epoch_);
      if (!several_ && poll_briefly(mine_.ours, epoch_)) return true;
    }
    return meet_slowly(timeout_ns);
  }
  __device__ bool meet_slowly(std::uint64_t timeout_ns) {
    const int others = view_.world_size - 1;
#pragma unroll 1
    for (int i = lane() + width(); i < others && !broken_; i += width())
      if (const Peer peer = find(i); !broken_) max_release(peer.theirs, epoch_);
    std::uint64_t begin = 0;
    Waited waited = unreached_ >= 0 ? Waited::no_pointer
                    : broken_       ? Waited::failed_before
                                    : Waited::arrived;
    int at = unreached_ >= 0 ? unreached_ : view_.rank;
#pragma unroll 1
    for (int i = lane(); waited == Waited::arrived && i < others; i += width()) {
      const Peer peer = find(i);
      at = peer.rank;
      waited = wait_count(view_, peer.ours, epoch_, at, timeout_ns, begin);
    }
    return settle(view_, waited, Failure::Operation::barrier, channel_, at);
  }

  const DeviceView& view_;
  const int channel_;
  const bool several_;
  bool broken_ = false;
  int unreached_ = -1;  ///< A peer without a pointer.
  std::uint64_t epoch_;
  Peer mine_;  ///< The first of this thread's peers.
};

/// Returns when all ranks have called it on `channel`.
__device__ inline bool barrier(const DeviceView& view, int channel, std::uint64_t timeout_ns) {
  return Barrier<Scope::thread>(view, channel)(timeout_ns);
}
__device__ inline bool barrier(const DeviceView& view, int channel) {
  return barrier(view, channel, view.timeout_ns);
}
__device__ inline bool barrier_warp(const DeviceView& view, int channel, std::uint64_t timeout_ns) {
  return Barrier<Scope::warp>(view, channel)(timeout_ns);
}
__device__ inline bool barrier_warp(const DeviceView& view, int channel) {
  return barrier_warp(view, channel, view.timeout_ns);
}
__device__ inline bool barrier_block(const DeviceView& view, int channel,
                                     std::uint64_t timeout_ns) {
  return Barrier<Scope::block>(view, channel)(timeout_ns);
}
__device__ inline bool barrier_block(const DeviceView& view, int channel) {
  return barrier_block(view, channel, view.timeout_ns);
}

}  // namespace symmem::device

#endif  // __CUDACC__
