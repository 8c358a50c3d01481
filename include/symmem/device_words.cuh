// SPDX-License-Identifier: Apache-2.0
/// Internal part of symmem/device.cuh: accesses to signal pads and counters, and their addresses.
#pragma once

#include "symmem/device_view.hpp"

#ifdef __CUDACC__

namespace symmem::device::internal {

// Accesses with release or acquire at system scope, to words that other GPUs or the host also
// access.

/// Adds `value` without returning the old value, which would cost a round trip. The expression
/// (lane >> 31) is always 0; it hides from the compiler that all lanes add the same value.
/// Otherwise the compiler elects one lane to add the sum, which takes a dozen instructions before
/// the fence.
__device__ inline void add_release(std::uint64_t* word, std::uint64_t value) {
  unsigned lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  asm volatile("red.release.sys.global.add.u64 [%0], %1;" ::"l"(word), "l"(value + (lane >> 31))
               : "memory");
}
/// Sets `word` to `value` if `word` is smaller.
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

// Accesses to this rank's counters in GPU memory, which no other GPU accesses.

__device__ inline std::uint64_t load_local(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}
__device__ inline void store_local(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
/// Sets a counter to `value` if the counter is smaller. A poison value is larger than every count,
/// so it is preserved.
__device__ inline void max_local(std::uint64_t* word, std::uint64_t value) {
  asm volatile("red.relaxed.gpu.global.max.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

/// Stores to pinned host memory that only this GPU writes.
__device__ inline void store_for_host(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

__device__ inline std::uint64_t now_ns() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

/// Returns `rank`'s signal pad; null if the pad is not mapped.
__device__ inline std::uint64_t* pad(const DeviceView& view, int rank) {
  return view.world_size <= PadState::kInlinePeers ? view.state.inline_pads[rank]
                                                   : load_pointer(view.state.pads, rank);
}

/// Returns the index of (channel, source) in a table ordered by channel, then source.
__device__ inline std::uint64_t slot(const DeviceView& view, int channel, int source) {
  return static_cast<std::uint64_t>(channel) * view.world_size + source;
}

enum class Count { signals, arrivals };
/// Returns the index of a count in a signal pad: the signals or the barrier arrivals of `source` on
/// `channel`.
__device__ inline std::uint64_t count_index(const DeviceView& view, int channel, int source,
                                            Count count) {
  return 8 + 2 * slot(view, channel, source) + (count == Count::arrivals ? 1 : 0);
}
/// Returns the word in this rank's signal pads that contains this count.
__device__ inline const std::uint64_t* incoming(const DeviceView& view, int channel, int source,
                                                Count count) {
  const bool by_pointer = pad(view, source) != nullptr;
  return (by_pointer ? view.state.own_pad : view.state.network_pad) +
         count_index(view, channel, source, count);
}

}  // namespace symmem::device::internal

#endif  // __CUDACC__
