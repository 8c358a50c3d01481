// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace symmem::cli {

/// Where a rank is when ranks are spread over hosts.
struct RankAssignment {
  int host = 0;
  int local_rank = 0;

  friend bool operator==(const RankAssignment&, const RankAssignment&) = default;
};

/// Spreads ranks in contiguous blocks, whose sizes differ by one at most. `hosts` <= `ranks`.
constexpr RankAssignment place_of(int rank, int ranks, int hosts) {
  const auto host = static_cast<int>(std::int64_t{rank} * hosts / ranks);
  const auto first = static_cast<int>((std::int64_t{host} * ranks + hosts - 1) / hosts);
  return {host, rank - first};
}

}  // namespace symmem::cli
