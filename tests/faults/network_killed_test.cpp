// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "faults/faults.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::faults;
using harness::can_use_ucx;
using harness::host_of;

namespace {

/// Processes 0 and 1 survive; process 2 + n is rank 2 of round n and is killed in it. Each rank is
/// on a host of its own.
constexpr int kSurvivors = 2;
constexpr std::size_t kLarge = 8 << 20, kSmall = 64;

/// Something that reaches rank 2, or waits for it.
struct Operation {
  const char* round;
  const char* named;  ///< As its error has it.
  std::function<void(SymmetricMemory&, std::vector<char>&)> run;
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all{
      {"small put", "put", [](auto& memory, auto& own) { memory.put(2, 0, own.data(), kSmall); }},
      {"large put", "put", [](auto& memory, auto& own) { memory.put(2, 0, own.data(), kLarge); }},
      {"get", "get", [](auto& memory, auto& own) { memory.get(2, 0, own.data(), kLarge); }},
      {"atomic", "fetch_add",
       [](auto& memory, auto&) { memory.template fetch_add<std::int64_t>(2, 0, 1); }},
      {"put_signal", "put_signal", [](auto& memory, auto&) { memory.put_signal(2, 1); }},
      {"put_with_signal", "put_with_signal",
       [](auto& memory, auto& own) { memory.put_with_signal(2, 0, own.data(), kLarge, 1); }},
      {"flush", "flush",
       [](auto& memory, auto& own) {
         try {
           memory.put_nbi(2, 0, own.data(), kLarge);
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

void die_at_work(RankProcess& self, const Operation& operation) {
  arrive(self, point(operation, "victim"), name_here(2));
  await_all(self.control, point(operation, "begin"), {0, 1});
  Context context(options_of(2));
  Shared shared(context, kWorld, kLarge);
  await_all(self.control, point(operation, "working"), {0, 1});
  die();
}

/// The others still reach each other, each way.
void check_survivors(SymmetricMemory& memory) {
  const int other = 1 - memory.rank();
  for (const std::size_t bytes : {kSmall, kLarge}) {
    const std::vector<char> sent(bytes, static_cast<char>('0' + memory.rank()));
    std::vector<char> got(bytes, ' ');
    memory.put(other, 0, sent.data(), bytes);
    memory.put_signal(other, 2);
    memory.wait_signal(other, 2);
    memory.get(other, 0, got.data(), bytes);
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
  std::vector<char> own(kLarge);
  arrive(self, point(operation, "working"));
  check_error(Errc::peer_lost, {operation.named, victim}, [&] {
    for (;;) operation.run(*shared.memory, own);
  });
  if (std::string_view(operation.round) == "close") return;
  check_survivors(*shared.memory);
  // One that leaves would be missed, too.
  meet(self, point(operation, "end"), {0, 1});
}

}  // namespace

TEST_CASE("a rank of another host that is killed is named by what reaches or awaits it") {
  if (!can_use_ucx()) return;
  const int rounds = static_cast<int>(operations().size());
  Ranks ranks(
      kSurvivors + rounds,
      [rounds](RankProcess& self) {
        if (self.rank >= kSurvivors)
          return die_at_work(self,
                             operations().at(static_cast<std::size_t>(self.rank) - kSurvivors));
        harness::use_ucx_once();
        for (int round = 0; round < rounds; ++round) leaving_nothing([&] { survive(self, round); });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}

namespace {

/// Puts to and gets from all others, in a way of its own for each round, until it is killed amid.
/// Behind what the survivors use: what was on its way at its death may arrive when they know of it.
[[noreturn]] void die_putting(SymmetricMemory& memory, int round) {
  std::vector<char> own(kLarge);
  std::thread killer;
  for (int i = 0;; ++i) {
    for (const int to : {0, 1}) {
      if (round % 2 == 0) memory.put_nbi(to, kLarge, own.data(), kLarge);
      if (round % 3 == 0) memory.put_signal(to, 0);
      if (round % 2 == 1) memory.get_nbi(to, kLarge, own.data(), kLarge);
    }
    if (i == 2) killer = std::thread(die);
    if (round % 3 != 1) memory.flush();
  }
}

void take_part_in_putting(RankProcess& self, int rank, int round) {
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
  meet(self, fmt::format("lost {}", round), {0, 1});
  check_survivors(memory);
  meet(self, fmt::format("checked {}", round), {0, 1});
}

}  // namespace

TEST_CASE("a rank of another host that is killed while it puts and gets harms nobody") {
  if (!can_use_ucx()) return;
  // Process 2 + n is rank 2 of round n.
  constexpr int kRounds = 6;
  Ranks ranks(
      kSurvivors + kRounds,
      [](RankProcess& self) {
        if (self.rank >= kSurvivors) return take_part_in_putting(self, 2, self.rank - kSurvivors);
        harness::use_ucx_once();
        for (int round = 0; round < kRounds; ++round)
          leaving_nothing([&] { take_part_in_putting(self, self.rank, round); });
      },
      with_endless_waits());
  expect_survivors(ranks, kSurvivors);
}
