// SPDX-License-Identifier: Apache-2.0
/// Synchronisation in the floor kernels: release stores and acquire loads at system scope, without
/// a timeout.
#pragma once

#include "gpu_kernels.hpp"
#include "symmem/device_words.cuh"

namespace symmem::bench {

/// `remote` is the word in the peer's memory that this rank writes; `local` is the word in this
/// rank's memory that the peer writes.
struct Words {
  std::uint64_t* remote;
  const std::uint64_t* local;
};

/// Returns the words for peer `i` (0 to size - 2), `row` rows after the row of `flags`.
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
  while (device::internal::load_acquire(word) < value) {
  }
}

__device__ inline void exchange(const Words& words, std::uint64_t value) {
  store_release(words.remote, value);
  await(words.local, value);
}

}  // namespace symmem::bench
