// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "core/memory_impl.hpp"

namespace symmem {
namespace {

template <typename Word>
Word apply(AtomicOp op, std::byte* at, Word value, Word expected) {
  const std::atomic_ref<Word> word(*reinterpret_cast<Word*>(at));
  switch (op) {
    case AtomicOp::add: return word.fetch_add(value);
    case AtomicOp::bit_and: return word.fetch_and(value);
    case AtomicOp::bit_or: return word.fetch_or(value);
    case AtomicOp::bit_xor: return word.fetch_xor(value);
    case AtomicOp::swap: return word.exchange(value);
    case AtomicOp::compare_swap:
      // On failure `expected` becomes what was there: the value before, either way.
      word.compare_exchange_strong(expected, value);
      return expected;
  }
  fail(Errc::invalid_argument, "unknown atomic operation {}", static_cast<int>(op));
}

template <typename Word>
Word apply_at(const SymmetricMemory::Impl& impl, AtomicOp op, int rank, std::size_t offset,
              Word value, Word expected) {
  std::byte* at = impl.reach(rank, offset, sizeof(Word), "atomic operation");
  // The buffer itself begins aligned, so the offset decides.
  require(offset % sizeof(Word) == 0, Errc::invalid_argument,
          "atomic operation: offset {} is not a multiple of the word's {} bytes", offset,
          sizeof(Word));
  return apply(op, at, value, expected);
}

}  // namespace

std::uint32_t SymmetricMemory::atomic32(AtomicOp op, int rank, std::size_t offset,
                                        std::uint32_t value, std::uint32_t expected) {
  return apply_at(*impl_, op, rank, offset, value, expected);
}

std::uint64_t SymmetricMemory::atomic64(AtomicOp op, int rank, std::size_t offset,
                                        std::uint64_t value, std::uint64_t expected) {
  return apply_at(*impl_, op, rank, offset, value, expected);
}

}  // namespace symmem
