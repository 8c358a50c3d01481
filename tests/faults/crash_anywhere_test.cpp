// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"
#include "faults/socket_folder.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// Processes 0 and 1 survive; process 2 + n is killed in round n, in which it is rank n % 3.
constexpr int kSurvivors = 2;
constexpr int kRounds = 15;
constexpr std::uint32_t kSeed = 20'240'229;

struct Role {
  int round;
  int victim;  ///< The rank of the process that is killed.
  int rank;    ///< The rank of this process.
  std::string at(const char* point) const { return fmt::format("round {}/{}", round, point); }
};

Role role_of(int process, int round) {
  const int victim = round % 3;
  if (process >= kSurvivors) return {round, victim, victim};
  return {round, victim, (victim + 1 + process) % 3};
}

/// Allocates, calls rendezvous, puts, signals and closes in an endless loop. Calls `point` between
/// the steps.
void work(Context& context, const std::function<void()>& point) {
  const int next = (context.rank() + 1) % 3, previous = (context.rank() + 2) % 3;
  for (std::int64_t i = 0;; ++i) {
    // Alternates between a range of a shared block and a buffer with its own block.
    const auto buffer = allocate(context, kWorld, i % 2 == 0 ? 8192 : 3 << 20);
    point();
    const auto memory = context.rendezvous(buffer);
    point();
    memory->put_with_signal(next, 0, std::span(&i, 1), 0);
    point();
    memory->wait_signal(previous, 0);
    CHECK(*reinterpret_cast<const std::int64_t*>(buffer.data()) == i);
    point();
    memory->barrier();
    point();
    memory->close();
    point();
  }
}

void work_until_killed(RankProcess& self, const Role& role) {
  await_all(self.control, role.at("begin"), {0, 1});
  HookedContext context(as_rank(role.rank, 3), [](int) {});
  arrive(self, role.at("name"), name_here(role.victim));
  arrive(self, role.at("pid"), std::to_string(::getpid()));
  work(*context, [] {});
}

/// Works until the victim is lost. Process 0 kills the victim after a random number of process 0's
/// own steps, including steps of a rendezvous, so the victim may be at any point of its work.
void survive(RankProcess& self, const Role& role) {
  CAPTURE(role.round);
  std::mt19937 random(kSeed + static_cast<std::uint32_t>(role.round));
  int left = self.rank == 0 ? static_cast<int>(random() % 60) : -1;
  pid_t pid = 0;
  const auto point = [&] {
    if (left == 0) ::kill(pid, SIGKILL);
    if (left >= 0) --left;
  };
  arrive(self, role.at("begin"));
  HookedContext context(as_rank(role.rank, 3), [&](int) { point(); });
  const int victim = kSurvivors + role.round;
  pid = std::stoi(await(self.control, role.at("pid"), victim));
  check_error(Errc::peer_lost, {await(self.control, role.at("name"), victim)},
              [&] { work(*context, point); });
  // Waits for the other survivor, which could otherwise report this rank as left.
  arrive_and_await(self, role.at("end"), {0, 1});
}

}  // namespace

TEST_CASE("if a rank is killed at any point, the others' errors name it and nothing leaks") {
  const SocketFolder folder;
  Ranks ranks(
      kSurvivors + kRounds,
      [](RankProcess& self) {
        if (self.rank >= kSurvivors)
          return work_until_killed(self, role_of(self.rank, self.rank - kSurvivors));
        leaving_nothing([&] {
          for (int round = 0; round < kRounds; ++round) survive(self, role_of(self.rank, round));
        });
        arrive_and_await(self, "all rounds done", {0, 1});
        // The next Context removes the sockets of killed processes.
        if (self.rank == 0) leaving_nothing([&] { const Context last(as_rank(0, 1)); });
      },
      folder.settings());
  expect_survivors(ranks, kSurvivors);
  CHECK(folder.files().empty());
}
