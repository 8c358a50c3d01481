// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>

#include <future>

#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// Returns settings with a short liveness time, because these tests wait until it expires. It is
/// long enough that a rank without a free processor is not lost.
RanksSettings with_short_liveness() {
  RanksSettings settings = with_endless_waits();
  settings.environment["SYMMEM_LIVENESS"] = "3s";
  return settings;
}

/// Forks a child that keeps all descriptors of this process open until the test ends.
void leave_a_child() {
  if (::fork() != 0) return;
  // The test reads the parent's output until every copy of its output descriptors is closed.
  for (const int fd : {0, 1, 2}) ::close(fd);
  for (;;) ::pause();
}

/// Checks on ranks 0 and 1 that a barrier and a concurrent rendezvous fail with peer_lost and name
/// the silent rank 2.
void check_rank_2_lost(RankProcess& self, const std::string& victim) {
  Context context;
  Shared shared(context);
  const auto buffer = allocate(context);
  arrive(self, "waiting");
  auto barrier = std::async(std::launch::async, [&] {
    check_error(Errc::peer_lost, {"barrier", victim, "nothing was received"},
                [&] { shared.memory->barrier(); });
  });
  check_error(Errc::peer_lost, {"rendezvous", victim, "nothing was received"},
              [&] { context.rendezvous(buffer); });
  barrier.get();
}

}  // namespace

TEST_CASE("a killed rank whose child keeps its connections open is lost after the liveness time") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        if (self.rank == 2) {
          arrive(self, "victim", name_here(2));
          Context context;
          Shared shared(context);
          await_all(self.control, "waiting", {0, 1});
          leave_a_child();
          die();
        }
        const std::string victim = await(self.control, "victim", 2);
        leaving_nothing([&] { check_rank_2_lost(self, victim); });
      },
      with_short_liveness());
  expect_survivors(ranks, 2);
}

TEST_CASE(
    "if the rank that hosts the store is killed and its child keeps the connections open, the "
    "store "
    "is reported as lost") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        // Process 2 is rank 0, which hosts the store. Processes 0 and 1 survive.
        const int rank = (self.rank + 1) % 3;
        Options options = as_rank(rank, 3);
        options.store = agree_on_url(self, rank);
        const auto run = [&] {
          Context context(options);
          Shared shared(context);
          arrive(self, "waiting");
          if (rank == 0) {
            await_all(self.control, "waiting", {0, 1});
            leave_a_child();
            die();
          }
          check_error(Errc::store_lost, {"barrier", "nothing was received from the server"},
                      [&] { shared.memory->barrier(); });
        };
        if (rank == 0) run();
        leaving_nothing(run);
      },
      with_short_liveness());
  expect_survivors(ranks, 2);
}

TEST_CASE("the others report a stopped rank as lost, and its own calls fail when it continues") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        if (self.rank < 2) {
          const std::string victim = await(self.control, "victim", 2);
          leaving_nothing([&] { check_rank_2_lost(self, victim); });
          return arrive(self, "lost");
        }
        arrive(self, "victim", name_here(2));
        leaving_nothing([&] {
          Context context;
          Shared shared(context);
          const auto buffer = allocate(context);
          arrive(self, "waiting");
          // The test stops this rank in this wait or just before it.
          check_error(Errc::store_lost, {"wait_signal", "is lost"},
                      [&] { shared.memory->wait_signal(0, 0); });
          check_error(Errc::store_lost, {"rendezvous", "is lost"},
                      [&] { context.rendezvous(buffer); });
          check_error(Errc::store_lost, {"is lost"}, [&] { context.store()->get("key"); });
        });
      },
      with_short_liveness());
  await_all(ranks.control(), "waiting", {0, 1, 2});
  ranks.signal(2, SIGSTOP);
  await_all(ranks.control(), "lost", {0, 1});
  ranks.signal(2, SIGCONT);
  expect_survivors(ranks, 3);
}

TEST_CASE("if a rank is stopped within a rendezvous, the errors of the others name it") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        const std::string victim = await(self.control, "name", 2);
        leaving_nothing([&] {
          // All ranks have exported; an attach now needs the stopped process.
          const auto stop = [&](int step) {
            if (step != HookedTransport::kExported) return;
            if (self.rank == 2) arrive(self, "stopping");
            self.control.get("stopped");
          };
          HookedContext context(Options::from_env(), stop);
          const auto buffer = allocate(*context);
          const Errc code = self.rank == 2 ? Errc::store_lost : Errc::peer_lost;
          check_error(code, {"rendezvous", self.rank == 2 ? "is lost" : victim},
                      [&] { context->rendezvous(buffer, {}, std::chrono::seconds(10)); });
        });
        arrive(self, "lost");
      },
      with_short_liveness());
  await(ranks.control(), "stopping", 2);
  ranks.signal(2, SIGSTOP);
  ranks.control().set("stopped", "");
  await_all(ranks.control(), "lost", {0, 1});
  ranks.signal(2, SIGCONT);
  expect_survivors(ranks, 3);
}

TEST_CASE("a rank stopped for less than the liveness time is not lost") {
  Ranks ranks(2, [](RankProcess& self) {
    leaving_nothing([&] {
      Context context;
      Shared shared(context);
      arrive(self, "waiting");
      self.control.get("go");
      shared.memory->barrier();
      shared.memory->close();
    });
  });
  await_all(ranks.control(), "waiting", {0, 1});
  stop(ranks, 1);
  ranks.control().set("go", "");
  // Waits for two ping intervals. The server times this wait with the clock of its liveness check,
  // so a slow server delays both.
  Options options;
  options.store = ranks.store_url();
  check_error(Errc::timeout, {}, [&] { connect(options)->get("never", std::chrono::seconds(2)); });
  ranks.signal(1, SIGCONT);
  expect_survivors(ranks, 2);
}

TEST_CASE("a rank that leaves while others wait for it is reported as left, not as lost") {
  struct Wait {
    const char* what;
    std::function<void(Context&, SymmetricMemory&)> run;
  };
  static const std::vector<Wait> waits{
      {"wait_signal", [](auto&, auto& memory) { memory.wait_signal(2, 0); }},
      {"barrier", [](auto&, auto& memory) { memory.barrier(); }},
      {"close", [](auto&, auto& memory) { memory.close(); }},
      {"rendezvous", [](auto& context, auto&) { Shared again(context); }},
      {"end_group", [](auto& context, auto&) { context.end_group(kWorld); }},
  };
  run_ranks(
      3,
      [](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        const std::string leaver = await(self.control, "name", 2);
        leaving_nothing([&] {
          for (const Wait& wait : waits) {
            CAPTURE(wait.what);
            Context context;
            Shared shared(context);
            arrive(self, wait.what);
            await_all(self.control, wait.what, {0, 1, 2});
            if (self.rank != 2)
              check_error(Errc::peer_lost, {wait.what, leaver, "left"},
                          [&] { wait.run(context, *shared.memory); });
          }
        });
      },
      with_endless_waits());
}
