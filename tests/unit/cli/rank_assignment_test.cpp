// SPDX-License-Identifier: Apache-2.0
#include "cli/rank_assignment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace symmem;

TEST_CASE("ranks fill hosts in contiguous blocks whose sizes differ by one at most") {
  for (int ranks = 1; ranks <= 20; ++ranks) {
    for (int hosts = 1; hosts <= ranks; ++hosts) {
      CAPTURE(ranks);
      CAPTURE(hosts);
      std::vector<int> sizes(static_cast<std::size_t>(hosts));
      int host = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const cli::RankAssignment place = cli::place_of(rank, ranks, hosts);
        REQUIRE(place.host >= host);
        REQUIRE(place.host < hosts);
        host = place.host;
        REQUIRE(place.local_rank == sizes[static_cast<std::size_t>(host)]++);
      }
      const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
      CHECK(*least >= 1);
      CHECK(*most - *least <= 1);
    }
  }
  constexpr int kMost = 1 << 20;  // No overflow on the way.
  CHECK(cli::place_of(kMost - 1, kMost, kMost) == cli::RankAssignment{kMost - 1, 0});
}
