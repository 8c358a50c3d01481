// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "faults/faults.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::faults;
using harness::can_use_ucx;
using harness::host_of;

namespace {

/// Processes 0 and 1 survive; process 2 + n is rank 2 of round n and dies in it. Each rank is on
/// its own host.
constexpr int kSurvivors = 2;
constexpr std::size_t kLarge = 8 << 20, kSmall = 64;

using Bytes = std::vector<std::byte>;

/// An operation that accesses rank 2 or waits for it.
struct Operation {
  const char* round;
  const char* name;  ///< The name of the operation in errors.
  std::function<void(SymmetricMemory&, Bytes&)> run;
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all{
      {"small put", "put",
       [](auto& memory, auto& local) { memory.put(2, 0, std::span(local).first(kSmall)); }},
      {"large put", "put", [](auto& memory, auto& local) { memory.put(2, 0, local); }},
      {"get", "get", [](auto& memory, auto& local) { memory.get(2, 0, local); }},
      {"atomic", "fetch_add",
       [](auto& memory, auto&) { memory.template fetch_add<std::int64_t>(2, 0, 1); }},
      {"put_signal", "put_signal", [](auto& memory, auto&) { memory.put_signal(2, 1); }},
      {"put_with_signal", "put_with_signal",
       [](auto& memory, auto& local) { memory.put_with_signal(2, 0, local, 1); }},
      {"flush", "flush",
       [](auto& memory, auto& local) {
         try {
           memory.put_nbi(2, 0, local);
         } catch (const Error&) {
         }
         memory.flush();
       }},
      {"wait_signal", "wait_signal", [](auto& memory, auto&) { memory.wait_signal(2, 0); }},
      {"barrier", "barrier", [](auto& memory, auto&) { memory.barrier(1); }},
      {"close", "close", [](auto& memory, auto&) { memory.close(); }},
  };
  return all;
}

std::string point(const Operation& operation, const char* name) {
  return fmt::format("{}/{}", operation.round, name);
}

Options options_of(int rank) {
  Options options = as_rank(rank, 3);
  options.host_id = host_of(rank);
  return options;
}

void work_until_killed(RankProcess& self, const Operation& operation) {
  arrive(self, point(operation, "victim"), name_here(2));
  await_all(self.control, point(operation, "begin"), {0, 1});
  Context context(options_of(2));
  Shared shared(context, kWorld, kLarge);
  await_all(self.control, point(operation, "working"), {0, 1});
  die();
}

/// Checks that the survivors still access each other.
void check_survivors(SymmetricMemory& memory) {
  const int other = 1 - memory.rank();
  for (const std::size_t bytes : {kSmall, kLarge}) {
    const Bytes sent(bytes, static_cast<std::byte>('0' + memory.rank()));
    Bytes got(bytes);
    memory.put(other, 0, sent);
    memory.put_signal(other, 2);
    memory.wait_signal(other, 2);
    memory.get(other, 0, got);
    CHECK(got == sent);
    memory.put_signal(other, 3);
    memory.wait_signal(other, 3);
  }
  CHECK(memory.fetch_add<std::int64_t>(other, 0, 1) == 0x0101010101010101 * ('0' + memory.rank()));
}

void survive(RankProcess& self, int round) {
  const Operation& operation = operations().at(static_cast<std::size_t>(round));
  CAPTURE(operation.round);
  const std::string victim = await(self.control, point(operation, "victim"), kSurvivors + round);
  arrive(self, point(operation, "begin"));
  Context context(options_of(self.rank));
  Shared shared(context, kWorld, kLarge);
  Bytes local(kLarge);
  arrive(self, point(operation, "working"));
  check_error(Errc::peer_lost, {operation.name, victim}, [&] {
    for (;;) operation.run(*shared.memory, local);
  });
  if (std::string_view(operation.round) == "close") return;
  check_survivors(*shared.memory);
  // If this rank left now, the other survivor's calls could fail because of it.
  arrive_and_await(self, point(operation, "end"), {0, 1});
}

}  // namespace

TEST_CASE(
    "every operation that accesses or waits for a killed rank on another host names the rank") {
  if (!can_use_ucx()) return;
  const int rounds = static_cast<int>(operations().size());
  Ranks ranks(
      kSurvivors + rounds,
      [rounds](RankProcess& self) {
        if (self.rank >= kSurvivors)
          return work_until_killed(
              self, operations().at(static_cast<std::size_t>(self.rank) - kSurvivors));
        harness::use_ucx_once();
        for (int round = 0; round < rounds; ++round) leaving_nothing([&] { survive(self, round); });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}

namespace {

/// Puts to and gets from ranks 0 and 1 until this process is killed, with different operations in
/// each round. Uses other bytes than check_survivors, because puts in flight may arrive after the
/// survivors have seen the death.
[[noreturn]] void die_putting(SymmetricMemory& memory, int round) {
  Bytes local(kLarge);
  std::thread killer;
  for (int i = 0;; ++i) {
    for (const int to : {0, 1}) {
      if (round % 2 == 0) memory.put_nbi(to, kLarge, local);
      if (round % 3 == 0) memory.put_signal(to, 0);
      if (round % 2 == 1) memory.get_nbi(to, kLarge, local);
    }
    if (i == 2) killer = std::thread(die);
    if (round % 3 != 1) memory.flush();
  }
}

void run_round(RankProcess& self, int rank, int round) {
  const std::string begin = fmt::format("begin {}", round);
  if (rank != 2) arrive(self, begin);
  await_all(self.control, begin, {0, 1});
  Context context(options_of(rank));
  Shared shared(context, kWorld, 2 * kLarge);
  SymmetricMemory& memory = *shared.memory;
  if (rank == 2) die_putting(memory, round);
  check_error(Errc::peer_lost, {"rank 2 (", "wait_signal"}, [&] {
    for (;;) memory.wait_signal(2, 0);
  });
  arrive_and_await(self, fmt::format("lost {}", round), {0, 1});
  check_survivors(memory);
  arrive_and_await(self, fmt::format("checked {}", round), {0, 1});
}

}  // namespace

TEST_CASE("if a rank on another host is killed during puts and gets, the survivors still work") {
  if (!can_use_ucx()) return;
  // Process 2 + n is rank 2 of round n.
  constexpr int kRounds = 6;
  Ranks ranks(
      kSurvivors + kRounds,
      [](RankProcess& self) {
        if (self.rank >= kSurvivors) return run_round(self, 2, self.rank - kSurvivors);
        harness::use_ucx_once();
        for (int round = 0; round < kRounds; ++round)
          leaving_nothing([&] { run_round(self, self.rank, round); });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}
