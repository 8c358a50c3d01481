// SPDX-License-Identifier: Apache-2.0
/// Signals and barriers that kernels call with a DeviceView. Header only; needs C++17, no -rdc.
///
/// symmem/cuda.hpp contains the calls that the host enqueues. symmem/device_packets.cuh, which this
/// header includes, contains packets for small data.
///
///   using namespace symmem::device;
///   view.buffer<float>(peer)[threadIdx.x] = value;           // plain store
///   put_signal<Scope::block>(view, peer, /*channel=*/0);     // ordered after the store
///   if (!wait_signal<Scope::block>(view, peer, /*channel=*/0)) return;  // failed
///   barrier<Scope::block>(view, /*channel=*/1);
///
/// Calls: all threads of a scope make a call together; the default scope is one thread. Blocks must
/// be one-dimensional. Ranks and channels are not checked. Blocks that wait for each other must all
/// be resident. At most one wait per (channel, source) pair and one barrier per channel may be in
/// flight.
///
/// Order: memory accesses that the threads of a scope make before put_signal or barrier are visible
/// after the matching wait or barrier, on every GPU of the group and on the host (release and
/// acquire at system scope).
///
/// Key peers, whose memory is not mapped: wait_signal is supported; put_signal and barrier fail.
///
/// Failures: no call traps. A wait that times out, or whose source rank has left or is lost,
/// consumes no signal, returns false and marks the SymmetricMemory as failed (has_failed). After
/// that, all waits on this SymmetricMemory return false at once, except waits for packets that have
/// arrived. Waits for this rank also return false at once on every peer GPU that this rank accesses
/// by pointer. Every host call except close() throws the first failure.
#pragma once

#include "symmem/device_packets.cuh"
#include "symmem/device_waits.cuh"
#include "symmem/device_words.cuh"

#ifdef __CUDACC__

namespace symmem::device {
namespace internal {

/// Returns this thread's index in the scope.
template <Scope kScope>
__device__ int lane() {
  if constexpr (kScope == Scope::thread) return 0;
  if constexpr (kScope == Scope::warp) return static_cast<int>(threadIdx.x % 32);
  return static_cast<int>(threadIdx.x);
}
/// Returns the number of threads in the scope.
template <Scope kScope>
__device__ int width() {
  if constexpr (kScope == Scope::thread) return 1;
  if constexpr (kScope == Scope::warp) return 32;
  return static_cast<int>(blockDim.x);
}
template <Scope kScope>
__device__ void sync() {
  if constexpr (kScope == Scope::warp) __syncwarp();
  if constexpr (kScope == Scope::block) __syncthreads();
}
/// Synchronises the scope and returns whether `ok` is true in all its threads.
template <Scope kScope>
__device__ bool sync_and(bool ok) {
  if constexpr (kScope == Scope::warp) {
    __syncwarp();  // Makes data that one lane acquired visible to all lanes; a vote does not.
    return __all_sync(0xFFFFFFFFu, ok);
  }
  if constexpr (kScope == Scope::block) return __syncthreads_and(ok) != 0;
  return ok;
}

}  // namespace internal

/// Returns whether this rank's SymmetricMemory has failed, in this kernel or in an earlier kernel.
__device__ inline bool has_failed(const DeviceView& view) {
  return internal::load_local(view.state.failed) != 0;
}

/// Adds one to the signal count (channel, this rank) in `dst`'s signal pad. Does not wait for the
/// receiver.
template <Scope kScope = Scope::thread>
__device__ void put_signal(const DeviceView& view, int dst, int channel) {
  internal::sync<kScope>();
  if (internal::lane<kScope>() != 0) return;
  std::uint64_t* const remote = internal::pad(view, dst);
  if (remote == nullptr)
    return internal::fail(view, Failure::Operation::put_signal, Failure::Cause::no_pointer, channel,
                          dst);
  internal::add_release(
      remote + internal::count_index(view, channel, view.rank, internal::Count::signals), 1);
}

/// Waits for a signal from `src` on `channel` and consumes it. Returns false on failure.
template <Scope kScope = Scope::thread>
__device__ bool wait_signal(const DeviceView& view, int src, int channel,
                            std::uint64_t timeout_ns) {
  bool ok = true;
  if (internal::lane<kScope>() == 0)
    ok = internal::end_wait(view, internal::try_wait_signal(view, src, channel, timeout_ns),
                            Failure::Operation::wait_signal, channel, src);
  return internal::sync_and<kScope>(ok);
}
template <Scope kScope = Scope::thread>
__device__ bool wait_signal(const DeviceView& view, int src, int channel) {
  return wait_signal<kScope>(view, src, channel, view.timeout_ns);
}

/// The barrier of a channel, for kernels that call the barrier repeatedly: this object keeps the
/// epoch and the pointers to a peer in registers. All threads of the scope construct and call the
/// object together. While the object exists, no other code on this rank may use the barrier of that
/// channel. If another thread marks the SymmetricMemory as failed, the next call that has to wait
/// returns false. Refers to the view, which must outlive the object.
template <Scope kScope>
class Barrier {
 public:
  Barrier(const DeviceView&& view, int channel) = delete;
  __device__ Barrier(const DeviceView& view, int channel)
      : view_(view),
        channel_(channel),
        several_(view.world_size - 1 > width()),
        epoch_(internal::load_local(view.state.epochs + channel)) {
    failed_ = epoch_ >= internal::kPoison;
    if (lane() < view.world_size - 1) first_ = find(lane());
  }

  /// Waits until all ranks have called the barrier, then returns true. Returns false on failure and
  /// in all calls after a failure.
  __device__ bool operator()(std::uint64_t timeout_ns) {
    internal::sync<kScope>();
    ++epoch_;
    bool ok = true;
    if (first_.rank >= 0) ok = signal_and_wait(timeout_ns);
    ok = internal::sync_and<kScope>(ok);
    failed_ = failed_ || !ok;
    return ok;
  }
  __device__ bool operator()() { return (*this)(view_.timeout_ns); }

 private:
  /// A peer and two arrival counts: this rank's count in the peer's pad, and the peer's count in
  /// this rank's pad.
  struct Peer {
    int rank = -1;  ///< -1: no peer.
    std::uint64_t* remote = nullptr;
    const std::uint64_t* local = nullptr;
  };

  __device__ static int lane() { return internal::lane<kScope>(); }
  __device__ static int width() { return internal::width<kScope>(); }

  /// Returns peer `i`, 0 .. world_size-2. Peer 0 is the rank after this one.
  __device__ Peer find(int i) {
    using internal::Count;
    const int next = view_.rank + 1 + i;
    Peer peer;
    peer.rank = next < view_.world_size ? next : next - view_.world_size;
    peer.remote = internal::pad(view_, peer.rank);
    if (peer.remote == nullptr) {
      unreached_ = peer.rank;
      failed_ = true;
    }
    peer.remote += internal::count_index(view_, channel_, view_.rank, Count::arrivals);
    peer.local =
        view_.state.own_pad + internal::count_index(view_, channel_, peer.rank, Count::arrivals);
    return peer;
  }

  /// Signals this thread's peers and waits for their signals. A thread has several peers if the
  /// scope has fewer threads than there are peers.
  __device__ bool signal_and_wait(std::uint64_t timeout_ns) {
    if (!failed_) {
      internal::max_release(first_.remote, epoch_);
      if (lane() == 0) internal::max_local(view_.state.epochs + channel_, epoch_);
      if (!several_ && internal::poll_briefly(first_.local, epoch_)) return true;
    }
    return wait_slowly(timeout_ns);
  }
  __device__ bool wait_slowly(std::uint64_t timeout_ns) {
    using internal::WaitResult;
    const int others = view_.world_size - 1;
#pragma unroll 1
    for (int i = lane() + width(); i < others && !failed_; i += width())
      if (const Peer peer = find(i); !failed_) internal::max_release(peer.remote, epoch_);
    std::uint64_t start_ns = 0;
    WaitResult result = unreached_ >= 0 ? WaitResult::no_pointer
                        : failed_       ? WaitResult::failed_before
                                        : WaitResult::arrived;
    int last = unreached_ >= 0 ? unreached_ : view_.rank;
#pragma unroll 1
    for (int i = lane(); result == WaitResult::arrived && i < others; i += width()) {
      const Peer peer = find(i);
      last = peer.rank;
      result = internal::wait_count(view_, peer.local, epoch_, last, timeout_ns, start_ns);
    }
    return internal::end_wait(view_, result, Failure::Operation::barrier, channel_, last);
  }

  const DeviceView& view_;
  const int channel_;
  const bool several_;  ///< True if a thread has more than one peer.
  bool failed_ = false;
  int unreached_ = -1;  ///< A peer whose pad is not mapped; -1: none.
  std::uint64_t epoch_;
  Peer first_;  ///< This thread's first peer.
};

/// Waits until all ranks have called barrier on `channel`, then returns true. Returns false on
/// failure.
template <Scope kScope = Scope::thread>
__device__ bool barrier(const DeviceView& view, int channel, std::uint64_t timeout_ns) {
  return Barrier<kScope>(view, channel)(timeout_ns);
}
template <Scope kScope = Scope::thread>
__device__ bool barrier(const DeviceView& view, int channel) {
  return barrier<kScope>(view, channel, view.timeout_ns);
}

}  // namespace symmem::device

#endif  // __CUDACC__
