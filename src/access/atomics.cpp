// SPDX-License-Identifier: Apache-2.0
#include <type_traits>

#include "access/memory_impl.hpp"
#include "base/atomic_word.hpp"
#include "base/check.hpp"

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

/// Not inlined, so that the hot path does not prepare the arguments of the error message.
[[noreturn, gnu::noinline]] void fail_misaligned(AtomicOp op, std::size_t offset,
                                                 std::size_t width) {
  fail(Errc::invalid_argument, "{}: offset {} is not a multiple of the word's {} bytes",
       name_of(op), offset, width);
}

}  // namespace

template <AtomicWord T>
T SymmetricMemory::atomic(AtomicOp op, int peer, std::size_t offset, T value, T expected) {
  // The atomics are implemented for unsigned words; two's complement gives the same bits for signed
  // words.
  using Word = std::make_unsigned_t<T>;
  const auto operand = static_cast<Word>(value), compared = static_cast<Word>(expected);
  std::byte* const at = impl_->reach(peer, offset, sizeof(Word), name_of(op));
  // Every buffer is aligned, so the offset alone determines the alignment of the word.
  if (offset % sizeof(Word) != 0) [[unlikely]]
    fail_misaligned(op, offset, sizeof(Word));
  if (at != nullptr) [[likely]]
    return static_cast<T>(impl_->gpu ? static_cast<Word>(impl_->gpu->gpu().atomic(
                                           op, sizeof(Word), at, operand, compared))
                                     : apply_atomic(op, at, operand, compared));
  return impl_->by_key(peer, name_of(op), {}, [&](BlockKey& key, std::size_t base, Wait& wait) {
    return static_cast<T>(key.atomic(op, sizeof(Word), base + offset, operand, compared, wait));
  });
}

template std::int32_t SymmetricMemory::atomic(AtomicOp, int, std::size_t, std::int32_t,
                                              std::int32_t);
template std::uint32_t SymmetricMemory::atomic(AtomicOp, int, std::size_t, std::uint32_t,
                                               std::uint32_t);
template std::int64_t SymmetricMemory::atomic(AtomicOp, int, std::size_t, std::int64_t,
                                              std::int64_t);
template std::uint64_t SymmetricMemory::atomic(AtomicOp, int, std::size_t, std::uint64_t,
                                               std::uint64_t);

}  // namespace symmem
