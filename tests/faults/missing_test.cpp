// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"

using namespace symmem;
using namespace symmem::faults;
using namespace std::chrono_literals;

namespace {

/// A call that ranks 0 and 1 make and rank 2 does not.
using Operation = std::function<void(Context&, SymmetricMemory&, Timeout)>;

constexpr Timeout kShort = 1s;

/// Checks that `operation` fails on ranks 0 and 1 with an error that names rank 2, and with the
/// same text on both if `one_verdict`, that is, if the store decides the error.
void check_missing(RankProcess& self, const std::string& word, const Operation& operation,
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

/// Calls `operation` with a different timeout on each rank. Rank 2 calls it after the others have
/// timed out. Returns the text of the error.
std::string time_out(RankProcess& self, const std::vector<std::string>& parts,
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

TEST_CASE("if a rank never joins, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    arrive_and_await(self, "start", {0, 1, 2});
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

TEST_CASE("if a rank never calls rendezvous, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto call = [](Context& context, SymmetricMemory&, Timeout timeout) {
      context.rendezvous(allocate(context), {}, timeout);
    };
    check_missing(self, "rendezvous of group \"world\"", call, true);
  });
}

TEST_CASE("if a rank never calls rendezvous of a span, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto call = [](Context& context, SymmetricMemory&, Timeout timeout) {
      alignas(8) std::byte own[64] = {};
      context.rendezvous(std::span(own), {}, kWorld, timeout);
    };
    check_missing(self, "rendezvous of a span of group \"world\"", call, true);
  });
}

TEST_CASE("if a rank never calls barrier, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto call = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      memory.barrier(3, timeout);
    };
    check_missing(self, "barrier on channel 3", call, false);
  });
}

TEST_CASE("if a rank never signals, the errors of the ranks that wait for it name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto wait = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      memory.wait_signal(2, 7, timeout);
    };
    check_missing(self, "wait_signal on channel 7", wait, false);
  });
}

TEST_CASE("if a rank never calls close, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto close = [](Context&, SymmetricMemory& memory, Timeout timeout) {
      try {
        memory.close(timeout);
      } catch (const Error&) {
        check_error(Errc::finished, {"closed"}, [&] { memory.barrier(); });
        throw;
      }
    };
    check_missing(self, "close of group \"world\"", close, true);
  });
}

TEST_CASE("if a rank never calls end_group, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    const auto end = [](Context& context, SymmetricMemory&, Timeout timeout) {
      context.end_group(kWorld, timeout);
    };
    check_missing(self, "end_group of group \"world\"", end, true);
  });
}

TEST_CASE("if a rank never calls a group's first rendezvous, the errors of all others name it") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", name_here(self.rank));
    leaving_nothing([&] {
      Context context;
      context.set_group_info("team", self.rank, 3, context.store());
      if (self.rank == 2) return await_all(self.control, "error", {0, 1});
      const auto buffer = allocate(context, "team");
      arrive_and_await(self, "begin", {0, 1});
      const std::string text =
          check_error(Errc::timeout, {"rendezvous of group \"team\"", "rank 2 (never joined)"},
                      [&] { context.rendezvous(buffer, {}, kShort); });
      arrive(self, "error", text);
      CHECK(await(self.control, "error", 1 - self.rank) == text);
    });
  });
}

TEST_CASE("ranks with different timeouts and a late rank get the same error from a rendezvous") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", name_here(self.rank));
    leaving_nothing([&] {
      Context context;
      const auto buffer = allocate(context);
      const std::string text =
          time_out(self, {"rank 0 waited ", await(self.control, "name", 2)},
                   [&](Timeout timeout) { context.rendezvous(buffer, {}, timeout); });
      CHECK(text == await(self.control, "error", 0));
      // The group works: the ranks still agree on the order of their calls.
      CHECK(context.rendezvous(buffer) != nullptr);
    });
  });
}

TEST_CASE("ranks with different timeouts and a late rank get the same error from end_group") {
  run_ranks(3, [](RankProcess& self) {
    leaving_nothing([&] {
      Context context;
      context.set_group_info("team", self.rank, 3, context.store());
      Shared shared(context, "team");
      const std::string text =
          time_out(self, {"end_group of group \"team\"", "missing: rank 2 (host"},
                   [&](Timeout timeout) { context.end_group("team", timeout); });
      CHECK(text == await(self.control, "error", 0));
      check_error(Errc::invalid_argument, {"no group is named \"team\""},
                  [&] { context.get_group_info("team"); });
    });
  });
}
