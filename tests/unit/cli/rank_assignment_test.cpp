// SPDX-License-Identifier: Apache-2.0
#include "cli/rank_assignment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace symmem;

TEST_CASE("assign_rank distributes ranks in contiguous blocks whose sizes differ by at most one") {
  for (int ranks = 1; ranks <= 20; ++ranks) {
    for (int hosts = 1; hosts <= ranks; ++hosts) {
      CAPTURE(ranks);
      CAPTURE(hosts);
      std::vector<int> sizes(static_cast<std::size_t>(hosts));
      int host = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const cli::RankAssignment assigned = cli::assign_rank(rank, ranks, hosts);
        REQUIRE(assigned.host >= host);
        REQUIRE(assigned.host < hosts);
        host = assigned.host;
        REQUIRE(assigned.local_rank == sizes[static_cast<std::size_t>(host)]++);
      }
      const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
      CHECK(*least >= 1);
      CHECK(*most - *least <= 1);
    }
  }
  constexpr int kMax = 1 << 20;  // Intermediate products do not overflow.
  CHECK(cli::assign_rank(kMax - 1, kMax, kMax) == cli::RankAssignment{kMax - 1, 0});
}
