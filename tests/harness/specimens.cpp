// SPDX-License-Identifier: Apache-2.0
// Test cases that other tests run in a separate program, as ranks or to check how a failure is
// reported.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "harness/errors.hpp"
#include "harness/progress.hpp"
#include "harness/ranks.hpp"

using namespace symmem::harness;

namespace {

symmem::Buffer<std::int64_t> two_words(symmem::Context& context) {
  return context.allocate<std::int64_t>(2);
}

}  // namespace

TEST_CASE("check fails in rank 1") {
  run_ranks(2, [](RankProcess& self) { CHECK(self.rank == 0); });
}

TEST_CASE("requirement fails in rank 0") {
  run_ranks(2, [](RankProcess& self) { REQUIRE(self.rank == 1); });
}

TEST_CASE("exception in rank 1") {
  run_ranks(2, [](RankProcess& self) {
    if (self.rank == 1) throw std::runtime_error("the reason");
  });
}

TEST_CASE("rank 0 is killed, while rank 1 waits for it") {
  run_ranks(2, [](RankProcess& self) {
    if (self.rank == 0) ::raise(SIGKILL);
    self.control.get("never");
  });
}

TEST_CASE("rank 1 hangs") {
  RanksSettings settings;
  settings.deadline = std::chrono::seconds(3);
  run_ranks(
      2,
      [](RankProcess& self) {
        if (self.rank == 1) ::pause();
      },
      settings);
}

TEST_CASE("the second call fails, not the first") {
  run_ranks(1, [](RankProcess&) {});
  run_ranks(1, [](RankProcess&) { FAIL("second body"); });
}

TEST_CASE("skipped") { skip("for a reason"); }

TEST_CASE("not skipped") {}

TEST_CASE("ranks of a launcher join") {
  symmem::Context context;
  CHECK(context.world_size() == 3);
}

TEST_CASE("ranks of a launcher share memory") {
  symmem::Context context;
  const auto words = two_words(context);
  const auto memory = context.rendezvous(words);
  const int next = (context.rank() + 1) % context.world_size();
  memory->peer(next).as<std::int64_t>()[0] = 100 + next;
  memory->barrier();
  CHECK(words.data()[0] == 100 + context.rank());
  memory->close();
}

TEST_CASE("ranks of a launcher reach host 0 by TCP") {
  symmem::Context context;
  symmem::TcpStoreOptions place;
  place.host = "10.77.0.1";
  place.secret = "between hosts";
  std::optional<symmem::StoreServer> server;
  if (context.rank() == 0) {
    server.emplace(place, symmem::StoreServer::Serves::any_job);
    context.store()->set("port", std::to_string(server->port()));
  }
  place.port = static_cast<std::uint16_t>(std::stoi(context.store()->get("port")));
  symmem::make_tcp_store(place)->barrier("all joined", context.world_size());
}

TEST_CASE("rank 1 of a launcher takes its host's link down") {
  symmem::Context context;
  const auto words = two_words(context);
  if (context.rank() == 1) REQUIRE(std::system("ip link set eth0 down") == 0);
  const auto rendezvous = [&] { context.rendezvous(words); };
  if (context.rank() == 0) check_error(rendezvous, symmem::Errc::peer_lost, {"rank 1", "lost"});
  if (context.rank() == 1) check_error(rendezvous, symmem::Errc::store_lost);
}

TEST_CASE("rank 1 of a launcher takes its host's link down while the others put and get") {
  symmem::Context context;
  constexpr std::size_t kBytes = 8 << 20;
  const auto buffer = context.allocate<char>(kBytes);
  const auto memory = context.rendezvous(buffer);
  const int self = context.rank(), other = 2 - self;
  std::vector<char> own(kBytes, static_cast<char>('0' + self));
  if (self == 1) {
    for (const int rank : {0, 2}) memory->wait_signal(rank, 0);
    REQUIRE(std::system("ip link set eth0 down") == 0);
    // This rank is disconnected and receives no report of lost ranks. Its calls fail at their
    // deadlines.
    CHECK_THROWS_AS(
        {
          for (;;) memory->get(0, 0, std::span(own));
        },
        symmem::Error);
    return;
  }
  memory->put_signal(1, 0);
  const auto work = [&] {
    for (;;) {
      if (self == 0) memory->put(1, 0, std::span(own));
      if (self == 2) memory->get(1, 0, std::span(own));
    }
  };
  check_error(work, symmem::Errc::peer_lost, {self == 0 ? "put: rank 1 (" : "get: rank 1 ("});
  check_error([&] { memory->flush(1); }, symmem::Errc::peer_lost, {"rank 1 ("});
  check_error([&] { memory->wait_signal(1, 0); }, symmem::Errc::peer_lost, {"rank 1 (", "lost"});
  check_error([&] { memory->barrier(1); }, symmem::Errc::peer_lost, {"rank 1 ("});
  // The two remaining ranks continue.
  own.assign(own.size(), static_cast<char>('0' + self));
  memory->put_with_signal(other, 0, std::span(own), 2);
  memory->wait_signal(other, 2);
  CHECK(std::string(buffer.data(), buffer.size()) ==
        std::string(own.size(), static_cast<char>('0' + other)));
  memory->put_signal(other, 3);
  memory->wait_signal(other, 3);
}
