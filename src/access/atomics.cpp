// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_word.hpp"
#include "access/memory_impl.hpp"

namespace symmem {
namespace {

constexpr const char* name_of(AtomicOp op) {
  switch (op) {
    case AtomicOp::add: return "fetch_add";
    case AtomicOp::bit_and: return "fetch_and";
    case AtomicOp::bit_or: return "fetch_or";
    case AtomicOp::bit_xor: return "fetch_xor";
    case AtomicOp::swap: return "swap";
    case AtomicOp::compare_swap: return "compare_swap";
  }
  return "atomic operation";
}

template <typename Word>
Word apply_at(const SymmetricMemory::Impl& impl, AtomicOp op, int peer, std::size_t offset,
              Word value, Word expected) {
  std::byte* at = impl.reach(peer, offset, sizeof(Word), name_of(op));
  // The buffer itself begins aligned, so the offset decides.
  require(offset % sizeof(Word) == 0, Errc::invalid_argument,
          "{}: offset {} is not a multiple of the word's {} bytes", name_of(op), offset,
          sizeof(Word));
  if (at != nullptr) [[likely]]
    return impl.gpu
               ? static_cast<Word>(impl.gpu->gpu().atomic(op, sizeof(Word), at, value, expected))
               : apply_atomic(op, at, value, expected);
  return impl.by_key(peer, name_of(op), {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    return static_cast<Word>(key.atomic(op, sizeof(Word), base + offset, value, expected, wait));
  });
}

}  // namespace

std::uint32_t SymmetricMemory::atomic32(AtomicOp op, int peer, std::size_t offset,
                                        std::uint32_t value, std::uint32_t expected) {
  return apply_at(*impl_, op, peer, offset, value, expected);
}

std::uint64_t SymmetricMemory::atomic64(AtomicOp op, int peer, std::size_t offset,
                                        std::uint64_t value, std::uint64_t expected) {
  return apply_at(*impl_, op, peer, offset, value, expected);
}

}  // namespace symmem
