// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// Size of a buffer with its own block, which a rendezvous must attach. Small buffers share a block
/// that is attached already.
constexpr std::size_t kOwnBlock = 4 << 20;

/// A hook that throws at one step on one rank.
struct Saboteur {
  int rank = -1;
  int step = -1;
  void operator()(int self, int at) const {
    if (self == rank && at == step) throw Error(Errc::exhausted, "sabotage, as planned");
  }
};

/// Calls `body` with a Context and a function that arms a saboteur and restarts the count of steps.
template <typename Body>
void with_sabotage(RankProcess& self, Body body) {
  leaving_nothing([&] {
    Saboteur saboteur;
    int begun_at = 0, now = 0;
    HookedContext context(Options::from_env(), [&](int step) {
      now = step + 1;
      saboteur(self.rank, step - begun_at);
    });
    body(*context, [&](Saboteur next) {
      saboteur = next;
      begun_at = now;
    });
  });
}

}  // namespace

TEST_CASE("if export or attach fails on one rank, all ranks get an error and nothing leaks") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", name_here(self.rank));
    with_sabotage(self, [&](Context& context, auto arm) {
      // Exports and attaches the block that the signal pads share.
      Shared first(context);
      const auto buffer = allocate(context, kWorld, kOwnBlock);
      const Resources before = Resources::now();
      for (int rank = 0; rank < 3; ++rank) {
        // Step 0 exports this rank's block; steps 1 and 2 attach the blocks of the two peers.
        for (int step = 0; step < 3; ++step) {
          CAPTURE(rank);
          CAPTURE(step);
          arm({rank, step});
          check_error(Errc::exhausted,
                      {"rendezvous of group \"world\"", "sabotage, as planned",
                       await(self.control, "name", rank)},
                      [&] { context.rendezvous(buffer); });
          CHECK(before.changes() == "");
        }
      }
      arm({});
      const auto memory = context.rendezvous(buffer);
      memory->barrier();
      memory->close();
    });
  });
}

TEST_CASE("many failed rendezvous leak nothing") {
  RanksSettings settings;
  // A block holds a dozen signal pads.
  settings.environment = {{"SYMMEM_BLOCK_SIZE", "4k"}};
  run_ranks(
      2,
      [](RankProcess& self) {
        with_sabotage(self, [&](Context& context, auto arm) {
          Shared first(context);
          const auto buffer = allocate(context, kWorld, kOwnBlock);
          const Resources before = Resources::now();
          // Many more rendezvous than the number of signal pads that fit in a block.
          for (int i = 0; i < 50; ++i) {
            arm({1, 1});
            CHECK_THROWS_AS(context.rendezvous(buffer), Error);
          }
          CHECK(before.changes() == "");
        });
      },
      settings);
}

TEST_CASE("if two processes claim one rank, all ranks get the same error, which names both") {
  run_ranks(3, [](RankProcess& self) {
    arrive(self, "name", fmt::format("(host {}, pid {})", host_name(), ::getpid()));
    leaving_nothing([&] {
      // Processes 1 and 2 both claim rank 1 of 3; the second claim fails all ranks.
      const Options options = as_rank(std::min(self.rank, 1), 3);
      const auto store = connect(options);
      const std::vector<std::string> parts{"rank 1 is claimed by two processes",
                                           await(self.control, "name", 1),
                                           await(self.control, "name", 2)};
      arrive(self, "error",
             check_error(Errc::invalid_argument, parts, [&] { Context context(options, store); }));
      await_all(self.control, "error", {0, 1, 2});
      check_error(Errc::invalid_argument, {"rank 3", "out of range"},
                  [] { Context context(as_rank(3, 3)); });
    });
  });
}
