// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

constexpr std::size_t kLarge = 1 << 20;
constexpr std::size_t kSizes[] = {0, 1, 3, 8, 4096, 12'345, kLarge};

using Put = void (SymmetricMemory::*)(int, std::size_t, const void*, std::size_t);
using Get = void (SymmetricMemory::*)(int, std::size_t, void*, std::size_t);

/// Each rank writes to a slot of its own on every rank; each reads all slots of every rank, or one
/// of every rank where the slots are large.
void exchange(Context& context, std::size_t bytes, Put put, Get get) {
  const int size = context.world_size(), rank = context.rank();
  const Shared shared = share(context, bytes * static_cast<std::size_t>(size) + 1);
  const auto slot = [&](int of) { return static_cast<std::size_t>(of) * bytes; };
  std::vector<Bytes> sent;
  for (int to = 0; to < size; ++to) sent.push_back(pattern(rank, to, bytes));
  for (int to = 0; to < size; ++to)
    (*shared.memory.*put)(to, slot(rank), sent[static_cast<std::size_t>(to)].data(), bytes);
  shared->flush();
  shared->barrier();
  for (int from = 0; from < size; ++from)
    CHECK(shared.look(slot(from), bytes) == pattern(from, rank, bytes));
  for (int of = 0; of < size; ++of)
    for (int from = 0; from < size; ++from) {
      if (bytes >= kLarge && from != (of + rank) % size) continue;
      Bytes got(bytes);
      (*shared.memory.*get)(of, slot(from), got.data(), bytes);
      shared->flush(of);
      CHECK(got == pattern(from, of, bytes));
    }
  shared->close();
}

}  // namespace

TEST_CASE("what each rank puts to each is what the target and every other rank reads") {
  on_ranks([](Context& context) {
    for (const std::size_t bytes : kSizes)
      exchange(context, bytes, &SymmetricMemory::put, &SymmetricMemory::get);
  });
}

TEST_CASE("non-blocking puts and gets are done after flush") {
  on_ranks([](Context& context) {
    for (const std::size_t bytes : kSizes)
      exchange(context, bytes, &SymmetricMemory::put_nbi, &SymmetricMemory::get_nbi);
  });
}

TEST_CASE("eight ranks that are processes reach each other") {
  if (!harness::can_use_tested_device()) return;
  harness::run_ranks(8, [](Context& context) {
    exchange(context, 4096, &SymmetricMemory::put, &SymmetricMemory::get);
  });
}

TEST_CASE("a put may reuse its source at once") {
  on_ranks([](Context& context) {
    constexpr std::size_t kCount = 1000;
    const Shared shared = share(context, kCount * sizeof(std::uint64_t));
    for (std::uint64_t i = 0, value; i < kCount; ++i) {
      value = i * 3 + 1;
      shared->put(next_of(context), i * sizeof value, &value, sizeof value);
    }
    shared->flush();
    shared->barrier();
    std::vector<std::uint64_t> got(kCount);
    harness::copy_on(shared->device(), got.data(), shared.tensor.data(), kCount * sizeof got[0]);
    std::size_t right = 0;
    for (std::uint64_t i = 0; i < kCount; ++i) right += got[i] == i * 3 + 1;
    CHECK(right == kCount);
    shared->close();
  });
}

TEST_CASE("what the owner writes by its own pointer is what a get reads after a barrier") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 4096);
    const Bytes mine = pattern(context.rank(), 0, 4096);
    shared.write(mine);
    shared->barrier();
    for (int of = 0; of < context.world_size(); ++of) {
      Bytes got(100);
      shared->get(of, 3996, got.data(), got.size());
      const Bytes theirs = pattern(of, 0, 4096);
      CHECK(got == Bytes(theirs.end() - 100, theirs.end()));
    }
    shared->close();
  });
}

TEST_CASE("fresh memory is zero, and a put changes its own bytes only") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 4096);
    CHECK(shared.look(0, 4096) == Bytes(4096));
    shared->barrier();
    const Bytes sent = pattern(context.rank(), 0, 77);
    shared->put(next_of(context), 1001, sent.data(), sent.size());
    shared->flush();
    shared->barrier();
    const Bytes came = pattern(previous_of(context), 0, 77);
    CHECK(shared.look(1001, 77) == came);
    CHECK(shared.look(0, 1001) == Bytes(1001));
    CHECK(shared.look(1078, 4096 - 1078) == Bytes(4096 - 1078));
    shared->close();
  });
}

TEST_CASE("the last byte is reached, and none behind it") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 100);
    const int peer = next_of(context);
    std::byte one{7};
    shared->put(peer, 99, &one, 1);
    shared->flush();
    shared->barrier();
    CHECK(shared.look(99, 1)[0] == std::byte{7});
    CHECK_NOTHROW(shared->put(peer, 100, &one, 0));
    CHECK_NOTHROW(shared->get(peer, 100, &one, 0));
    CHECK_NOTHROW(shared->put(peer, 100, nullptr, 0));
    const std::vector<std::string> parts{"past the end", "100 bytes"};
    check_error([&] { shared->put(peer, 100, &one, 1); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get(peer, 101, &one, 0); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get(peer, 1, &one, SIZE_MAX); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put(peer, SIZE_MAX, &one, 1); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_nbi(peer, 100, &one, 1); }, Errc::invalid_argument, parts);
    check_error([&] { shared->get_nbi(peer, 100, &one, 1); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_with_signal(peer, 100, &one, 1, 0); }, Errc::invalid_argument,
                parts);
    shared->close();
  });
}

TEST_CASE("where there is a pointer to a peer, stores and loads through it reach the peer") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64 * static_cast<std::size_t>(context.world_size()));
    REQUIRE(shared->buffer_ptrs().size() == static_cast<std::size_t>(context.world_size()));
    CHECK(shared->buffer_ptrs()[static_cast<std::size_t>(context.rank())] == shared.tensor.data());
    for (int to = 0; to < context.world_size(); ++to) {
      const Peer peer = shared->peer(to);
      CHECK(peer.pointer == shared->buffer_ptrs()[static_cast<std::size_t>(to)]);
      CHECK(peer.transport == shared->route(to).transport);
      const Bytes sent = pattern(context.rank(), to, 64);
      const auto offset = 64 * static_cast<std::size_t>(context.rank());
      if (peer.pointer != nullptr)
        harness::copy_on(shared->device(), static_cast<std::byte*>(peer.pointer) + offset,
                         sent.data(), 64);
      else
        shared->put(to, offset, sent.data(), 64);
    }
    shared->flush();
    shared->barrier();
    for (int from = 0; from < context.world_size(); ++from)
      CHECK(shared.look(64 * static_cast<std::size_t>(from), 64) ==
            pattern(from, context.rank(), 64));
    shared->close();
  });
}
