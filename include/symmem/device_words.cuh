// SPDX-License-Identifier: Apache-2.0
/// Internals of symmem/device.cuh: accesses to the words of pads and counters, and their addresses.
#pragma once

#include "symmem/device_view.hpp"

#ifdef __CUDACC__

namespace symmem::device::internal {

// Words of pads: ordered, at system scope.

/// Adds without returning the old value, which would cost a round trip. The compiler must not see
/// that all lanes add the same value: it would elect one lane to add the sum, a dozen instructions
/// before the fence. So `lane >> 31`, always 0, is added.
__device__ inline void add_release(std::uint64_t* word, std::uint64_t value) {
  unsigned lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  asm volatile("red.release.sys.global.add.u64 [%0], %1;" ::"l"(word), "l"(value + (lane >> 31))
               : "memory");
}
/// Raises `word` to `value` if it is smaller.
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

// This rank's counters in GPU memory: no other GPU accesses them.

__device__ inline std::uint64_t load_local(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
  return value;
}
__device__ inline void store_local(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
/// Raises a counter that only grows. Poison, the largest value, is preserved.
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

// Addresses.

/// Returns `rank`'s pad; null if no pointer reaches it.
__device__ inline std::uint64_t* pad(const DeviceView& view, int rank) {
  return view.world_size <= PadState::kInlinePeers ? view.state.inline_pads[rank]
                                                   : load_pointer(view.state.pads, rank);
}

/// Returns the index in a table by channel, then source.
__device__ inline std::uint64_t slot(const DeviceView& view, int channel, int source) {
  return static_cast<std::uint64_t>(channel) * view.world_size + source;
}

enum class Count { signals, arrivals };
/// Returns the index of the word of a pad that counts what `source` does on `channel`.
__device__ inline std::uint64_t count_index(const DeviceView& view, int channel, int source,
                                            Count count) {
  return 8 + 2 * slot(view, channel, source) + (count == Count::arrivals ? 1 : 0);
}
/// Returns the word in which this rank receives that count.
__device__ inline const std::uint64_t* incoming(const DeviceView& view, int channel, int source,
                                                Count count) {
  const bool by_pointer = pad(view, source) != nullptr;
  return (by_pointer ? view.state.own_pad : view.state.network_pad) +
         count_index(view, channel, source, count);
}

}  // namespace symmem::device::internal

#endif  // __CUDACC__
