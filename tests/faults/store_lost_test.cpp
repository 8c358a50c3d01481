// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "faults/faults.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// Checks that threads in each kind of wait fail when the store is lost. Then accesses the mapped
/// memory.
void lose_store(RankProcess& self, const Options& options) {
  const int other = 1 - options.rank.value();
  Context context(options);
  Shared shared(context), closing(context);
  SymmetricMemory& memory = *shared.memory;
  const auto buffer = allocate(context);
  std::vector<std::future<void>> waits;
  const auto wait = [&](const std::string& word, std::function<void()> call) {
    waits.push_back(std::async(std::launch::async, [word, call] {
      check_error(Errc::store_lost, {word, "lost"}, call);
    }));
  };
  wait("wait_signal", [&] { memory.wait_signal(other, 0); });
  if (options.rank == 0) wait("barrier", [&] { memory.barrier(1); });
  if (options.rank == 0) wait("rendezvous", [&] { context.rendezvous(buffer); });
  wait("store", [&] { context.store()->get("never"); });
  await_sleepers(memory, *options.rank, options.rank == 0 ? 2 : 1);
  arrive(self, "waiting");
  for (auto& ended : waits) ended.get();

  check_error(Errc::store_lost, {"close of group \"world\""}, [&] { closing.memory->close(); });
  const int value = 70 + *options.rank;
  memory.put(other, 64, std::span(&value, 1));
  memory.fetch_add<std::int64_t>(other, 0, 5);
  memory.flush();
  arrive_and_await(self, "put", {0, 1});
  int got = 0;
  memory.get(*options.rank, 64, std::span(&got, 1));
  CHECK(got == 70 + other);
  CHECK(memory.fetch_add<std::int64_t>(*options.rank, 0, 0) == 5);
  arrive_and_await(self, "read", {0, 1});
}

}  // namespace

TEST_CASE("if the store ends, all waits fail and mapped memory stays accessible") {
  Ranks ranks(
      2, [](RankProcess& self) { leaving_nothing([&] { lose_store(self, Options::from_env()); }); },
      with_endless_waits());
  await_all(ranks.control(), "waiting", {0, 1});
  ranks.end_store();
  expect_survivors(ranks, 2);
}

TEST_CASE("if the store's process is killed, all waits fail and mapped memory stays accessible") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        if (self.rank == 2) {
          const StoreServer server = serve("mortal");
          arrive(self, "url", server.url() + "/mortal");
          await_all(self.control, "waiting", {0, 1});
          die();
        }
        Options options = as_rank(self.rank, 2);
        options.store = await(self.control, "url", 2);
        leaving_nothing([&] { lose_store(self, options); });
      },
      with_endless_waits());
  expect_survivors(ranks, 2);
}
