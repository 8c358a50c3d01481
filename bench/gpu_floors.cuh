// SPDX-License-Identifier: Apache-2.0
/// How floor kernels meet: release and acquire at system scope, and nothing else. No deadline.
#pragma once

#include "gpu_kernels.hpp"
#include "symmem/device_words.cuh"

namespace symmem::bench {

/// A word of a peer that we write, and the one that it writes here.
struct Words {
  std::uint64_t* theirs;
  const std::uint64_t* mine;
};

/// Those of the `i`th peer, of 0 .. size-2, in the `row`th row behind that of `flags`.
__device__ inline Words words_of(const Flags& flags, int i, int row = 0) {
  const int next = flags.rank + 1 + i;
  const int peer = next < flags.size ? next : next - flags.size;
  const int at = row * Flags::kMost;
  return {flags.rows[peer] + at + flags.rank, flags.rows[flags.rank] + at + peer};
}

__device__ inline void store_release(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}

__device__ inline void await(const std::uint64_t* word, std::uint64_t value) {
  while (device::load_acquire(word) < value) {
  }
}

__device__ inline void meet(const Words& words, std::uint64_t value) {
  store_release(words.theirs, value);
  await(words.mine, value);
}

}  // namespace symmem::bench
