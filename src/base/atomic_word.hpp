// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>

#include "base/check.hpp"
#include "symmem/types.hpp"

namespace symmem {

/// Applies `op` atomically, with sequentially consistent ordering, to the naturally aligned word at
/// `at`. Returns the previous value.
template <typename Word>
Word apply_atomic(AtomicOp op, std::byte* at, Word value, Word expected) {
  const std::atomic_ref<Word> word(*reinterpret_cast<Word*>(at));
  switch (op) {
    case AtomicOp::add: return word.fetch_add(value);
    case AtomicOp::bit_and: return word.fetch_and(value);
    case AtomicOp::bit_or: return word.fetch_or(value);
    case AtomicOp::bit_xor: return word.fetch_xor(value);
    case AtomicOp::swap: return word.exchange(value);
    case AtomicOp::compare_swap:
      // On success `expected` equals the previous value; on failure it receives the previous value.
      word.compare_exchange_strong(expected, value);
      return expected;
  }
  fail(Errc::invalid_argument, "unknown atomic operation {}", static_cast<int>(op));
}

}  // namespace symmem
