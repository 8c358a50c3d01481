// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// Processes 0 and 1 survive; process 2 + n is rank 2 of round n and dies in it.
constexpr int kSurvivors = 2;

std::string round_name(int round, const char* point) { return fmt::format("{}/{}", round, point); }

void die_in_rendezvous(RankProcess& self, int round) {
  const int last_step =
      round < HookedTransport::kExported ? HookedTransport::kExported : HookedTransport::kAttached;
  arrive(self, round_name(round, "victim"), name_here(2));
  await_all(self.control, round_name(round, "begin"), {0, 1});
  HookedContext context(as_rank(2, 3), [&](int step) {
    if (step != round) return;
    // Ranks 0 and 1 have done all steps that do not need this rank.
    await_all(self.control, round_name(round, "at step ") + std::to_string(last_step - 1), {0, 1});
    die();
  });
  const auto buffer = allocate(*context);
  context->rendezvous(buffer);
}

void survive_rendezvous(RankProcess& self, int round) {
  const std::string victim = await(self.control, round_name(round, "victim"), kSurvivors + round);
  arrive(self, round_name(round, "begin"));
  HookedContext context(as_rank(self.rank, 3), [&](int step) {
    arrive(self, round_name(round, "at step ") + std::to_string(step));
  });
  const Tensor tensor = empty_strided_p2p(*context, {4096}, {1}, kUint8);
  const std::string text =
      check_error(Errc::peer_lost, {"rendezvous of group \"world\"", victim, "lost"},
                  [&] { rendezvous(*context, tensor); });
  arrive(self, round_name(round, "error"), text);
  CHECK(await(self.control, round_name(round, "error"), 1 - self.rank) == text);
  check_error(Errc::invalid_argument, {"no rendezvous"},
              [&] { get_symmetric_memory(*context, tensor); });
}

/// A wait for rank 2 in group "team", or in group "own" of the store.
struct Wait {
  const char* what;
  bool sleeps;  ///< True if the wait sleeps on the signal pad, false if in a store call.
  std::function<void(Context&, SymmetricMemory&, const Membership&)> run;
};

const std::vector<Wait>& waits() {
  static const std::vector<Wait> all{
      {"wait_signal", true, [](auto&, auto& memory, auto&) { memory.wait_signal(2, 0); }},
      {"barrier", true, [](auto&, auto& memory, auto&) { memory.barrier(1); }},
      {"close", false, [](auto&, auto& memory, auto&) { memory.close(); }},
      {"end_group", false, [](auto& context, auto&, auto&) { context.end_group("team"); }},
      {"rendezvous", false, [](auto& context, auto&, auto&) { Shared again(context, "team"); }},
      {"gather", false,
       [](auto& context, auto&, auto& own) { context.store()->gather(own, "k", "v"); }},
  };
  return all;
}

/// A rank that has memory in group "team" and is a member of group "own" of the store.
struct Member {
  explicit Member(int rank) : context(as_rank(rank, 3)) {
    context.set_group_info("team", rank, 3, context.store());
    own = context.store()->join({"own", rank, 3, {host_name(), ::getpid(), 0}}, nullptr);
    shared.emplace(context, "team");
  }
  Context context;
  Membership own;
  std::optional<Shared> shared;
};

void die_while_awaited(RankProcess& self, int round) {
  arrive(self, round_name(round, "victim"), name_here(2));
  await_all(self.control, round_name(round, "begin"), {0, 1});
  Member member(2);
  await_all(self.control, round_name(round, "waiting"), {0, 1});
  if (waits().at(static_cast<std::size_t>(round)).sleeps)
    for (const int rank : {0, 1}) await_sleepers(*member.shared->memory, rank);
  die();
}

void survive_waiting(RankProcess& self, int round) {
  const Wait& wait = waits().at(static_cast<std::size_t>(round));
  CAPTURE(wait.what);
  const std::string victim = await(self.control, round_name(round, "victim"), kSurvivors + round);
  arrive(self, round_name(round, "begin"));
  Member member(self.rank);
  arrive(self, round_name(round, "waiting"));
  check_error(Errc::peer_lost, {wait.what, victim, "lost"},
              [&] { wait.run(member.context, *member.shared->memory, member.own); });
}

}  // namespace

TEST_CASE(
    "if a rank is killed at any step of a rendezvous, all others get one error, nothing leaks") {
  Ranks ranks(
      kSurvivors + HookedTransport::kAttached,
      [](RankProcess& self) {
        if (self.rank >= kSurvivors) return die_in_rendezvous(self, self.rank - kSurvivors);
        leaving_nothing([&] {
          for (int round = 0; round < HookedTransport::kAttached; ++round)
            survive_rendezvous(self, round);
        });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}

TEST_CASE("if a rank is killed while others wait for it, their errors name it") {
  const int rounds = static_cast<int>(waits().size());
  Ranks ranks(
      kSurvivors + rounds,
      [rounds](RankProcess& self) {
        if (self.rank >= kSurvivors) return die_while_awaited(self, self.rank - kSurvivors);
        leaving_nothing([&] {
          for (int round = 0; round < rounds; ++round) survive_waiting(self, round);
        });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}

TEST_CASE("wait_signal receives a killed rank's signals, and the others still access each other") {
  Ranks ranks(
      3,
      [](RankProcess& self) {
        if (self.rank == 2) {
          arrive(self, "victim", name_here(2));
          Context context(as_rank(2, 3));
          Shared shared(context);
          for (int i = 0; i < 3; ++i) shared.memory->put_signal(0, 5);
          await_all(self.control, "waiting", {0, 1});
          die();
        }
        const std::string victim = await(self.control, "victim", 2);
        leaving_nothing([&] {
          Context context;
          Shared shared(context);
          SymmetricMemory& memory = *shared.memory;
          arrive(self, "waiting");
          const int other = 1 - self.rank;
          check_error(Errc::peer_lost, {victim}, [&] { memory.wait_signal(2, 0); });
          if (self.rank == 0)
            for (int i = 0; i < 3; ++i) CHECK_NOTHROW(memory.wait_signal(2, 5));
          check_error(Errc::peer_lost, {victim}, [&] { memory.wait_signal(2, 5); });

          const int value = 40 + self.rank;
          memory.put_with_signal(other, 0, std::span(&value, 1), 1);
          memory.wait_signal(other, 1);
          CHECK(*shared.own<int>() == 40 + other);
          int word = 0;
          check_error(Errc::peer_lost, {"put: ", victim},
                      [&] { memory.put(2, 0, std::span(&word, 1)); });
          check_error(Errc::peer_lost, {"get: ", victim},
                      [&] { memory.get(2, 0, std::span(&word, 1)); });
          check_error(Errc::peer_lost, {"flush: ", victim}, [&] { memory.flush(); });
          check_error(Errc::peer_lost, {"put_signal: ", victim}, [&] { memory.put_signal(2, 0); });
          check_error(Errc::peer_lost, {"close", victim}, [&] { memory.close(); });
          // If this rank left now, the other survivor's calls could fail because of it.
          arrive_and_await(self, "end", {0, 1});
        });
      },
      with_endless_waits());
  expect_survivors(ranks, 2);
}
