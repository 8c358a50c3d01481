// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

constexpr std::size_t kLarge = 1 << 20;
constexpr std::size_t kSizes[] = {0, 1, 3, 8, 4096, 12'345, kLarge};

using Put = void (SymmetricMemory::*)(int, std::size_t, std::span<const std::byte>);
using Get = void (SymmetricMemory::*)(int, std::size_t, std::span<std::byte>);

/// Each rank writes to its own slot on every rank. Then each rank reads all slots of every rank, or
/// one slot of every rank if the slots are large.
void exchange(Context& context, std::size_t bytes, Put put, Get get) {
  const int size = context.world_size(), rank = context.rank();
  const Shared shared = share(context, bytes * static_cast<std::size_t>(size) + 1);
  const auto slot = [&](int of) { return static_cast<std::size_t>(of) * bytes; };
  std::vector<Bytes> sent;
  for (int to = 0; to < size; ++to) sent.push_back(pattern(rank, to, bytes));
  for (int to = 0; to < size; ++to)
    (*shared.memory.*put)(to, slot(rank), sent[static_cast<std::size_t>(to)]);
  shared->flush();
  shared->barrier();
  for (int from = 0; from < size; ++from)
    CHECK(shared.read(slot(from), bytes) == pattern(from, rank, bytes));
  for (int of = 0; of < size; ++of)
    for (int from = 0; from < size; ++from) {
      if (bytes >= kLarge && from != (of + rank) % size) continue;
      Bytes got(bytes);
      (*shared.memory.*get)(of, slot(from), got);
      shared->flush(of);
      CHECK(got == pattern(from, of, bytes));
    }
  shared->close();
}

}  // namespace

TEST_CASE("the target and every other rank read the bytes that a rank put") {
  on_ranks([](Context& context) {
    for (const std::size_t bytes : kSizes)
      exchange(context, bytes, &SymmetricMemory::put, &SymmetricMemory::get);
  });
}

TEST_CASE("non-blocking puts and gets are complete after flush") {
  on_ranks([](Context& context) {
    for (const std::size_t bytes : kSizes)
      exchange(context, bytes, &SymmetricMemory::put_nbi, &SymmetricMemory::get_nbi);
  });
}

TEST_CASE("eight ranks that are processes exchange puts and gets") {
  if (!harness::can_use_tested_device()) return;
  harness::run_ranks(8, [](Context& context) {
    exchange(context, 4096, &SymmetricMemory::put, &SymmetricMemory::get);
  });
}

TEST_CASE("the source of a put may be reused when the put has returned") {
  on_ranks([](Context& context) {
    constexpr std::size_t kCount = 1000;
    const Shared shared = share(context, kCount * sizeof(std::uint64_t));
    for (std::uint64_t i = 0, value; i < kCount; ++i) {
      value = i * 3 + 1;
      shared->put(next_of(context), i * sizeof value, std::span(&value, 1));
    }
    shared->flush();
    shared->barrier();
    std::vector<std::uint64_t> got(kCount);
    harness::copy_on(shared->device(), got.data(), shared.buffer.data(), kCount * sizeof got[0]);
    std::size_t right = 0;
    for (std::uint64_t i = 0; i < kCount; ++i) right += got[i] == i * 3 + 1;
    CHECK(right == kCount);
    shared->close();
  });
}

TEST_CASE("a get after a barrier reads the bytes that the owner wrote through its own pointer") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 4096);
    const Bytes mine = pattern(context.rank(), 0, 4096);
    shared.write(mine);
    shared->barrier();
    for (int of = 0; of < context.world_size(); ++of) {
      Bytes got(100);
      shared->get(of, 3996, got);
      const Bytes theirs = pattern(of, 0, 4096);
      CHECK(got == Bytes(theirs.end() - 100, theirs.end()));
    }
    shared->close();
  });
}

TEST_CASE("new memory is zero, and a put changes only the bytes of its range") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 4096);
    CHECK(shared.read(0, 4096) == Bytes(4096));
    shared->barrier();
    const Bytes sent = pattern(context.rank(), 0, 77);
    shared->put(next_of(context), 1001, sent);
    shared->flush();
    shared->barrier();
    const Bytes theirs = pattern(previous_of(context), 0, 77);
    CHECK(shared.read(1001, 77) == theirs);
    CHECK(shared.read(0, 1001) == Bytes(1001));
    CHECK(shared.read(1078, 4096 - 1078) == Bytes(4096 - 1078));
    shared->close();
  });
}

TEST_CASE("the last byte of a buffer can be accessed, but no byte after it") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 100);
    const int peer = next_of(context);
    std::byte byte{7};
    const std::span one(&byte, 1), none = one.first(0);
    shared->put(peer, 99, one);
    shared->flush();
    shared->barrier();
    CHECK(shared.read(99, 1)[0] == std::byte{7});
    CHECK_NOTHROW(shared->put(peer, 100, none));
    CHECK_NOTHROW(shared->get(peer, 100, none));
    CHECK_NOTHROW(shared->put(peer, 100, std::span<const std::byte>()));
    const std::vector<std::string> parts{"exceed the buffer", "100 bytes"};
    check_error([&] { shared->put(peer, 100, one); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get(peer, 101, none); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get(peer, 1, std::span(&byte, SIZE_MAX)); }, Errc::invalid_argument,
                parts);
    check_error([&] { shared->put(peer, SIZE_MAX, one); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_nbi(peer, 100, one); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get_nbi(peer, 100, one); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_with_signal(peer, 100, one, 0); }, Errc::invalid_argument, parts);
    shared->close();
  });
}

TEST_CASE("stores through a pointer to a peer reach the peer's buffer") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64 * static_cast<std::size_t>(context.world_size()));
    const std::vector<void*> pointers = get_buffer_ptrs(*shared.memory);
    REQUIRE(pointers.size() == static_cast<std::size_t>(context.world_size()));
    CHECK(pointers[static_cast<std::size_t>(context.rank())] == shared.buffer.data());
    for (int to = 0; to < context.world_size(); ++to) {
      const Peer peer = shared->peer(to);
      CHECK(peer.mapped.data() == pointers[static_cast<std::size_t>(to)]);
      CHECK(peer.mapped.size() == (peer.key ? 0 : shared->buffer_size()));
      const Bytes sent = pattern(context.rank(), to, 64);
      const auto offset = 64 * static_cast<std::size_t>(context.rank());
      if (peer.key)
        shared->put(to, offset, sent);
      else
        harness::copy_on(shared->device(), peer.mapped.data() + offset, sent.data(), 64);
    }
    shared->flush();
    shared->barrier();
    for (int from = 0; from < context.world_size(); ++from)
      CHECK(shared.read(64 * static_cast<std::size_t>(from), 64) ==
            pattern(from, context.rank(), 64));
    shared->close();
  });
}
