// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "harness/network.hpp"
#include "system/span_allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Two hosts with two ranks each.
constexpr int kRanks = 4, kPerHost = 2;

void on_two_hosts(Options& options) { options.host_id = host_of(*options.rank, kPerHost); }

void just_rendezvous(Context& context) { context.rendezvous(allocate(context, 64)); }

void check_routes(SymmetricMemory& memory) {
  const int self = memory.rank();
  for (int rank = 0; rank < kRanks; ++rank) {
    CAPTURE(rank);
    const bool near = rank / kPerHost == self / kPerHost;
    const Route& route = memory.route(rank);
    CHECK(route.transport == (rank == self ? "self" : near ? "shm" : "ucx"));
    const Peer peer = memory.peer(rank);
    CHECK((peer.mapped.data() != nullptr) == near);
    CHECK(peer.key.has_value() == !near);
    CHECK((get_signal_pad_ptrs(memory)[static_cast<std::size_t>(rank)] != nullptr) == near);
    if (near) continue;
    REQUIRE(route.refused.size() == 1);
    CHECK(route.refused[0].transport == "shm");
    CHECK(route.refused[0].reason.find("another host") != std::string::npos);
    CHECK((!peer.key->key.empty() && !peer.key->worker.empty() && peer.key->address != 0));
    check_error([&] { get_buffer(memory, rank, {8}, kUint8); }, Errc::unsupported,
                {"get_buffer", "rank " + std::to_string(rank), "ucx"});
  }
  const std::string text = memory.explain();
  for (const char* row : {"0 self  shm  ucx  ucx\n", "1  shm self  ucx  ucx\n",
                          "2  ucx  ucx self  shm\n", "3  ucx  ucx  shm self\n"})
    CHECK_MESSAGE(text.find(row) != std::string::npos, text);
  CHECK_MESSAGE(text.find("shm refused: ") != std::string::npos, text);
}

/// Each rank puts to all ranks, in several sizes, bytes that differ between writers and sizes.
void check_puts(SymmetricMemory& memory, const char* own) {
  constexpr std::size_t kSlot = 64 << 10;
  const auto at = [](int rank) { return static_cast<std::size_t>(rank) * kSlot; };
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{4097}, kSlot}) {
    const auto letter = [bytes](int rank) { return static_cast<char>('a' + rank + bytes % 7); };
    const std::string mine(bytes, letter(memory.rank()));
    for (int rank = 0; rank < kRanks; ++rank) memory.put(rank, at(memory.rank()), std::span(mine));
    memory.flush();
    memory.barrier();
    for (int rank = 0; rank < kRanks; ++rank) {
      const std::string sent(bytes, letter(rank));
      std::string got(bytes, ' ');
      memory.get(rank, at(rank), std::span(got));
      CHECK(got == sent);
      CHECK(std::string(own + at(rank), bytes) == sent);
    }
    memory.barrier();
  }
}

/// All ranks add to one word, and each rank signals every rank.
void check_atomics_and_signals(SymmetricMemory& memory) {
  constexpr int kRounds = 100;
  const std::int64_t zero = 0;
  if (memory.rank() == 0) memory.put(0, 0, std::span(&zero, 1));
  memory.barrier();
  for (int i = 0; i < kRounds; ++i) {
    memory.fetch_add<std::int64_t>(0, 0, 1);
    for (int rank = 0; rank < kRanks; ++rank) memory.put_signal(rank, 1);
    for (int rank = 0; rank < kRanks; ++rank) memory.wait_signal(rank, 1);
  }
  memory.barrier();
  std::int64_t sum = 0;
  memory.get(0, 0, std::span(&sum, 1));
  CHECK(sum == kRounds * kRanks);
  for (int rank = 0; rank < kRanks; ++rank)
    check_error([&] { memory.wait_signal(rank, 1, std::chrono::milliseconds(0)); }, Errc::timeout);
}

void check_mixed(Context& context) {
  const auto buffer = context.allocate<char>(std::size_t{kRanks} * (64 << 10));
  const auto memory = context.rendezvous(buffer);
  check_routes(*memory);
  check_puts(*memory, buffer.data());
  check_atomics_and_signals(*memory);
  memory->close();
}

}  // namespace

TEST_CASE("a group with ranks on two hosts uses shm within each host and ucx between hosts") {
  if (!can_use_ucx()) return;
  run_ranks(kRanks, check_mixed, on_hosts(kRanks, kPerHost));
  run_threads(kRanks, check_mixed, on_two_hosts);
}

TEST_CASE("without ucx, a rendezvous across two hosts fails with the same error on every rank") {
  const auto errors = errors_of_ranks(kRanks, just_rendezvous, [](Options& options) {
    on_two_hosts(options);
    options.transports = {"^ucx"};
  });
  check_alike(errors, Errc::unsupported,
              {"4 pairs", "rank 0 (host", "rank 3 (host", "shm: ", "another host (id host1"});
}

TEST_CASE("with SYMMEM_REQUIRE=shm, a rendezvous across two hosts fails alike on every rank") {
  if (!can_use_ucx()) return;
  const auto errors = errors_of_ranks(kRanks, just_rendezvous, [](Options& options) {
    on_two_hosts(options);
    options.require = {"shm"};
  });
  check_alike(errors, Errc::unsupported,
              {"4 pairs", "SYMMEM_REQUIRE=shm", "connected by ucx", "another host"});
}

TEST_CASE("with SYMMEM_TRANSPORTS=ucx, ranks on the same host are connected by ucx") {
  if (!can_use_ucx()) return;
  run_threads(
      3,
      [](Context& context) {
        const auto buffer = allocate(context, 64);
        const auto memory = context.rendezvous(buffer);
        for (int rank = 0; rank < 3; ++rank)
          CHECK(memory->route(rank).transport == (rank == context.rank() ? "self" : "ucx"));
        check_ring(*memory);
        memory->close();
      },
      [](Options& options) { options.transports = {"ucx"}; });
}

TEST_CASE("rendezvous works with 2 to 16 ranks on 1 to 4 hosts") {
  if (!can_use_ucx()) return;
  for (const auto& [ranks, hosts] : {std::pair{2, 1}, {2, 2}, {3, 2}, {5, 3}, {8, 4}, {16, 4}}) {
    CAPTURE(ranks);
    CAPTURE(hosts);
    run_threads(
        ranks,
        [](Context& context) {
          const auto buffer = allocate(context, 64);
          const auto memory = context.rendezvous(buffer);
          for (int i = 0; i < 3; ++i) check_ring(*memory);
          memory->close();
        },
        [hosts = hosts](Options& options) { options.host_id = host_of(*options.rank % hosts); });
  }
}

TEST_CASE("ucx connects memory from an allocator that the application registered") {
  if (!can_use_ucx()) return;
  run_ranks(
      2, [](Context& context) { use_span_allocator(context, "ucx"); }, on_hosts(2));
}
