// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <limits>

#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

/// Returns values whose sums overflow and whose bits differ.
template <typename T>
std::vector<T> words() {
  return {T{0},
          T{1},
          T{0x5a5a},
          static_cast<T>(-1),
          std::numeric_limits<T>::max(),
          std::numeric_limits<T>::min()};
}

template <typename T>
T plus(T a, T b) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
}

/// Runs each operation on a word of the next rank. The adjacent words must not change.
template <typename T>
void compare_with_reference(Context& context, const Shared& shared) {
  const int peer = next_of(context);
  constexpr std::size_t kAt = 5 * sizeof(T);
  const T guards[2] = {static_cast<T>(0x11223344), static_cast<T>(0x55667788)};
  const auto set = [&](T value) {
    const T three[3] = {guards[0], value, guards[1]};
    shared->put(peer, kAt - sizeof(T), std::span(three));
    shared->flush(peer);
  };
  const auto check = [&](T before, T returned, T wanted) {
    T three[3];
    shared->get(peer, kAt - sizeof(T), std::span(three));
    CHECK(returned == before);
    CHECK(three[1] == wanted);
    CHECK((three[0] == guards[0] && three[2] == guards[1]));
  };
  for (const T a : words<T>())
    for (const T b : words<T>()) {
      set(a), check(a, shared->fetch_add<T>(peer, kAt, b), plus(a, b));
      set(a), check(a, shared->fetch_and<T>(peer, kAt, b), static_cast<T>(a & b));
      set(a), check(a, shared->fetch_or<T>(peer, kAt, b), static_cast<T>(a | b));
      set(a), check(a, shared->fetch_xor<T>(peer, kAt, b), static_cast<T>(a ^ b));
      set(a), check(a, shared->swap<T>(peer, kAt, b), b);
      set(a), check(a, shared->compare_swap<T>(peer, kAt, a, b), b);
      if (a != b) set(a), check(a, shared->compare_swap<T>(peer, kAt, b, T{42}), a);
    }
  shared->barrier();
}

}  // namespace

TEST_CASE("every atomic operation returns and stores the right values and changes no other word") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 256);
    compare_with_reference<std::int32_t>(context, shared);
    compare_with_reference<std::uint32_t>(context, shared);
    compare_with_reference<std::int64_t>(context, shared);
    compare_with_reference<std::uint64_t>(context, shared);
    shared->close();
  });
}

TEST_CASE("additions from all ranks to a word are never lost, whichever rank owns the word") {
  on_ranks([](Context& context) {
    const auto times = static_cast<std::uint64_t>(rounds(context, 300));
    const int size = context.world_size();
    const Shared shared = share(context, 64);
    std::uint64_t last64 = 0;
    bool grows = true;
    for (std::uint64_t i = 0; i < times; ++i)
      for (int rank = 0; rank < size; ++rank) {
        const auto before = shared->fetch_add<std::uint64_t>(rank, 8, 1);
        if (rank == 0) grows = grows && (i == 0 || before > last64), last64 = before;
        shared->fetch_add<std::int32_t>(rank, 4, -3);
      }
    CHECK(grows);
    shared->barrier();
    std::uint64_t sum = 0;
    std::int32_t negative = 0;
    for (int rank = 0; rank < size; ++rank) {
      shared->get(rank, 8, std::span(&sum, 1));
      shared->get(rank, 4, std::span(&negative, 1));
      CHECK(sum == times * static_cast<std::uint64_t>(size));
      CHECK(negative == -3 * static_cast<std::int32_t>(sum));
    }
    shared->close();
  });
}

TEST_CASE("fetch_add returns each value of a counter to one caller only") {
  on_ranks([](Context& context) {
    const auto tickets = static_cast<std::uint64_t>(rounds(context, 400));
    const auto size = static_cast<std::uint64_t>(context.world_size());
    // Word 0 is the ticket counter. The words after it count the callers that got each ticket.
    const Shared shared = share(context, 8 + tickets * size * 4);
    for (std::uint64_t i = 0; i < tickets; ++i) {
      const auto ticket = shared->fetch_add<std::uint64_t>(0, 0, 1);
      shared->fetch_add<std::uint32_t>(0, 8 + 4 * ticket, 1);
    }
    shared->barrier();
    std::vector<std::uint32_t> marks(tickets * size);
    shared->get(0, 8, std::span(marks));
    CHECK(std::count(marks.begin(), marks.end(), 1u) == static_cast<std::ptrdiff_t>(marks.size()));
    shared->close();
  });
}

TEST_CASE("additions made by compare_swap in a loop are not lost") {
  on_ranks([](Context& context) {
    const int times = rounds(context, 200);
    const Shared shared = share(context, 64);
    for (int i = 0; i < times; ++i)
      for (std::uint32_t seen = 0;;) {
        const auto before = shared->compare_swap<std::uint32_t>(0, 0, seen, seen + 1);
        if (before == seen) break;
        seen = before;
      }
    shared->barrier();
    std::uint32_t total = 0;
    shared->get(0, 0, std::span(&total, 1));
    CHECK(total == static_cast<std::uint32_t>(times * context.world_size()));
    shared->close();
  });
}

TEST_CASE("each rank sets and clears its own bit while the others change theirs") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    const std::uint64_t mine = 1ull << context.rank();
    bool owns = true;
    for (int i = 0; i < rounds(context, 300); ++i) {
      owns = owns && (shared->fetch_or<std::uint64_t>(0, 0, mine) & mine) == 0;
      owns = owns && (shared->fetch_xor<std::uint64_t>(0, 0, mine) & mine) == mine;
      owns = owns && (shared->fetch_or<std::uint64_t>(0, 0, mine) & mine) == 0;
      owns = owns && (shared->fetch_and<std::uint64_t>(0, 0, ~mine) & mine) == mine;
    }
    CHECK(owns);
    shared->fetch_or<std::uint64_t>(0, 0, mine);
    shared->barrier();
    std::uint64_t all = 0;
    shared->get(0, 0, std::span(&all, 1));
    CHECK(all == (1ull << context.world_size()) - 1);
    shared->close();
  });
}

TEST_CASE("additions by the owner's std::atomic_ref and by peers are atomic with each other") {
  on_ranks([](Context& context) {
    constexpr std::uint64_t kTimes = 1000;
    const Shared shared = share(context, 64);
    // std::atomic_ref cannot access GPU memory.
    if (shared->device().type != DeviceType::host) return shared->close();
    std::atomic_ref own(*reinterpret_cast<std::uint64_t*>(shared.buffer.data()));
    for (std::uint64_t i = 0; i < kTimes; ++i) {
      own.fetch_add(1);
      shared->fetch_add<std::uint64_t>(next_of(context), 0, 1);
    }
    shared->barrier();
    CHECK(own.load() == 2 * kTimes);
    shared->close();
  });
}

TEST_CASE("an atomic operation on a word that is not aligned or not inside the buffer is refused") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 64);
    const int peer = next_of(context);
    check_error([&] { shared->fetch_add<std::uint64_t>(peer, 4, 1); }, Errc::invalid_argument,
                {"offset 4", "8 bytes"});
    check_error([&] { shared->swap<std::uint32_t>(peer, 2, 1); }, Errc::invalid_argument,
                {"offset 2", "4 bytes"});
    check_error([&] { shared->fetch_or<std::uint64_t>(peer, 64, 1); }, Errc::invalid_argument,
                {"exceed the buffer"});
    check_error([&] { shared->compare_swap<std::int32_t>(peer, SIZE_MAX - 3, 1, 1); },
                Errc::invalid_argument, {"exceed the buffer"});
    CHECK(shared->fetch_add<std::uint32_t>(peer, 60, 1) == 0);
    shared->close();
  });
}
