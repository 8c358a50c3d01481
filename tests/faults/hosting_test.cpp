// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"

using namespace symmem;
using namespace symmem::faults;

TEST_CASE(
    "a rank that hosts the store may end first: it serves the store until the others have left") {
  run_ranks(
      3,
      [](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        leaving_nothing([&] {
          Context context(hosted(self));
          Shared shared(context);
          if (self.rank == 0) return;
          check_error(Errc::peer_lost, {await(self.control, "name", 0), "left"},
                      [&] { shared.memory->wait_signal(0, 0); });
          context.set_group_info("rest", self.rank - 1, 2, context.store());
          Shared rest(context, "rest");
          rest.memory->barrier();
          rest.memory->close();
          context.end_group("rest");
        });
      },
      with_endless_waits());
}

TEST_CASE("if the rank that hosts the store is killed, the others report a lost store") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        // Process 2 is rank 0, which hosts the store. Processes 0 and 1 survive.
        const int rank = (self.rank + 1) % 3;
        Options options = as_rank(rank, 3);
        options.store = agree_on_url(self, rank);
        if (rank == 0) {
          Context context(options);
          Shared shared(context);
          await_all(self.control, "waiting", {0, 1});
          die();
        }
        leaving_nothing([&] {
          Context context(options);
          Shared shared(context);
          arrive(self, "waiting");
          check_error(Errc::store_lost, {"barrier", "the store of group \"world\" is lost"},
                      [&] { shared.memory->barrier(); });
          check_error(Errc::store_lost, {"rendezvous", "lost"}, [&] { Shared again(context); });
        });
      },
      with_endless_waits());
  expect_survivors(ranks, 2);
}

TEST_CASE("if the other ranks never join, the rank that hosts the store names them") {
  run_ranks(1, [](RankProcess& self) {
    leaving_nothing([&] {
      Options options = hosted(self);
      options.world_size = 2;
      options.timeout = std::chrono::seconds(1);
      check_error(Errc::timeout, {"rank 1 (never joined)"}, [&] { Context context(options); });
    });
  });
}

TEST_CASE("if no store answers, the error names the store's address") {
  run_ranks(1, [](RankProcess& self) {
    leaving_nothing([&] {
      Options options = hosted(self);
      options.rank = 1;
      options.world_size = 2;
      options.timeout = std::chrono::seconds(1);
      check_error(Errc::timeout, {"no store answered at tcp://127.0.0.1:"},
                  [&] { Context context(options); });
    });
  });
}

TEST_CASE("if another job's store uses the port, the error names both jobs") {
  run_ranks(1, [](RankProcess&) {
    leaving_nothing([&] {
      TcpStoreOptions place;
      place.job = "other";
      const StoreServer other(place, StoreServer::Serves::one_job);
      Options options = as_rank(0, 2);
      options.store = other.url() + "/mine";
      check_error(Errc::refused,
                  {"port " + std::to_string(other.port()), "job \"other\"", "job \"mine\""},
                  [&] { Context context(options); });
    });
  });
}
