// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"

using namespace symmem;
using namespace symmem::faults;
using namespace std::chrono_literals;

namespace {

/// Ranks 0 and 1 come, rank 2 does not.
using Operation = std::function<void(Context&, SymmetricMemory&, Timeout)>;

constexpr Timeout kShort = 1s;

/// Checks that `operation` names rank 2 on the two others; the same text on both if it is one that
/// the store decides.
void be_missed(RankProcess& self, const std::string& word, const Operation& operation,
               bool one_verdict) {
  arrive(self, "name", name_here(self.rank));
  leaving_nothing([&] {
    Context context;
    Shared shared(context);
    if (self.rank == 2) return await_all(self.control, "error", {0, 1});
    const std::string text = check_error(Errc::timeout, {word, await(self.control, "name", 2)},
                                         [&] { operation(context, *shared.memory, kShort); });
    arrive(self, "error", text);
    const std::string other = await(self.control, "error", 1 - self.rank);
    if (one_verdict) CHECK(other == text);
  });
}

/// Plays a rank that gives up at a deadline of its own, or comes when the others have given up.
std::string be_refused(RankProcess& self, const std::vector<std::string>& parts,
                       const std::function<void(Timeout)>& operation) {
  const std::vector<Timeout> timeouts{1s, 100s, 50s};
  if (self.rank == 2) await_all(self.control, "error", {0, 1});
  const std::string text = check_error(
      Errc::timeout, parts, [&] { operation(timeouts[static_cast<std::size_t>(self.rank)]); });
  arrive(self, "error", text);
  await_all(self.control, "error", {0, 1, 2});
  return text;
}

}  // namespace

TEST_CASE("a rank that never joins is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    meet(self, "start", {0, 1, 2});
    if (self.rank == 2) return await_all(self.control, "error", {0, 1});
    leaving_nothing([&] {
      Options options = Options::from_env();
      const auto store = connect(options);
      options.timeout = 2s;
      const std::string text =
          check_error(Errc::timeout, {"join", "missing: ", "rank 2 (never joined)"},
                      [&] { Context context(options, store); });
      arrive(self, "error", text);
      CHECK(await(self.control, "error", 1 - self.rank) == text);
    });
  });
}

TEST_CASE("a rank that never comes to rendezvous is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    const auto meet_anew = [](Context& context, SymmetricMemory&, Timeout timeout) {
      context.rendezvous(allocate(context), {}, timeout);
    };
    be_missed(self, "rendezvous of group \"world\"", meet_anew, true);
  });
}

TEST_CASE("a rank that never comes to register_buffer is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    const auto meet_on_own = [](Context& context, SymmetricMemory&, Timeout timeout) {
      char own[64];
      context.register_buffer(own, sizeof own, {}, kWorld, timeout);
    };
    be_missed(self, "register_buffer of group \"world\"", meet_on_own, true);
  });
}

TEST_CASE("a rank that never comes to a barrier is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    const auto meet_in_barrier = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      memory.barrier(3, timeout);
    };
    be_missed(self, "barrier on channel 3", meet_in_barrier, false);
  });
}

TEST_CASE("a rank that never signals is named by those who wait") {
  run_ranks(3, [](RankProcess& self) {
    const auto wait = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      memory.wait_signal(2, 7, timeout);
    };
    be_missed(self, "wait_signal on channel 7", wait, false);
  });
}

TEST_CASE("a rank that never comes to close is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    const auto close = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      try {
        memory.close(timeout);
      } catch (const Error&) {
        check_error(Errc::finished, {"closed"}, [&] { memory.barrier(); });
        throw;
      }
    };
    be_missed(self, "close of group \"world\"", close, true);
  });
}

TEST_CASE("a rank that never comes to end_group is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    const auto end = [](Context& context, SymmetricMemory&, Timeout timeout) {
      context.end_group(kWorld, timeout);
    };
    be_missed(self, "end_group of group \"world\"", end, true);
  });
}

TEST_CASE("a rank that never comes to a group's first rendezvous is named by all others") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", name_here(self.rank));
    leaving_nothing([&] {
      Context context;
      context.set_group_info("team", self.rank, 3, context.store());
      if (self.rank == 2) return await_all(self.control, "error", {0, 1});
      const Tensor tensor = allocate(context, "team");
      meet(self, "begin", {0, 1});
      const std::string text =
          check_error(Errc::timeout, {"rendezvous of group \"team\"", "rank 2 (never joined)"},
                      [&] { context.rendezvous(tensor, {}, kShort); });
      arrive(self, "error", text);
      CHECK(await(self.control, "error", 1 - self.rank) == text);
    });
  });
}

TEST_CASE("ranks whose deadlines differ, and one that comes too late, get one verdict") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", name_here(self.rank));
    leaving_nothing([&] {
      Context context;
      const Tensor tensor = allocate(context);
      const std::string text =
          be_refused(self, {"rank 0 waited ", await(self.control, "name", 2)},
                     [&](Timeout timeout) { context.rendezvous(tensor, {}, timeout); });
      CHECK(text == await(self.control, "error", 0));
      // The group goes on: the ranks still agree on the order of their calls.
      CHECK(context.rendezvous(tensor) != nullptr);
    });
  });
}

TEST_CASE("ranks whose deadlines differ at the end of a group get one verdict") {
  run_ranks(3, [](RankProcess& self) {
    leaving_nothing([&] {
      Context context;
      context.set_group_info("team", self.rank, 3, context.store());
      Shared shared(context, "team");
      const std::string text =
          be_refused(self, {"end_group of group \"team\"", "missing: rank 2 (host"},
                     [&](Timeout timeout) { context.end_group("team", timeout); });
      CHECK(text == await(self.control, "error", 0));
      check_error(Errc::invalid_argument, {"no group is named \"team\""},
                  [&] { context.get_group_info("team"); });
    });
  });
}
