// SPDX-License-Identifier: Apache-2.0
// Test cases that other tests run as a program of its own, to see it fail, or run as ranks.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>

#include "harness/progress.hpp"
#include "harness/ranks.hpp"

using namespace symmem::harness;

TEST_CASE("check fails in rank 1") {
  run_ranks(2, [](RankProcess& self) { CHECK(self.rank == 0); });
}

TEST_CASE("requirement fails in rank 0") {
  run_ranks(2, [](RankProcess& self) { REQUIRE(self.rank == 1); });
}

TEST_CASE("exception in rank 1") {
  run_ranks(2, [](RankProcess& self) {
    if (self.rank == 1) throw std::runtime_error("the reason");
  });
}

TEST_CASE("rank 0 is killed, while rank 1 waits for it") {
  run_ranks(2, [](RankProcess& self) {
    if (self.rank == 0) ::raise(SIGKILL);
    self.control.get("never");
  });
}

TEST_CASE("rank 1 hangs") {
  RanksSettings settings;
  settings.deadline = std::chrono::seconds(3);
  run_ranks(
      2,
      [](RankProcess& self) {
        if (self.rank == 1) ::pause();
      },
      settings);
}

TEST_CASE("the second call fails, not the first") {
  run_ranks(1, [](RankProcess&) {});
  run_ranks(1, [](RankProcess&) { FAIL("second body"); });
}

TEST_CASE("skipped") { skip("for a reason"); }

TEST_CASE("not skipped") {}

TEST_CASE("ranks of a launcher join") {
  symmem::Context context;
  CHECK(context.world_size() == 3);
}
