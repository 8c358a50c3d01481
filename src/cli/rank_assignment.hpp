// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace symmem::cli {

/// The host of a rank, and the index of the rank on this host.
struct RankAssignment {
  int host = 0;
  int local_rank = 0;

  friend bool operator==(const RankAssignment&, const RankAssignment&) = default;
};

/// Distributes ranks over hosts in contiguous blocks whose sizes differ by at most one. Requires
/// `hosts` <= `ranks`.
constexpr RankAssignment assign_rank(int rank, int ranks, int hosts) {
  const auto host = static_cast<int>(std::int64_t{rank} * hosts / ranks);
  const auto first = static_cast<int>((std::int64_t{host} * ranks + hosts - 1) / hosts);
  return {host, rank - first};
}

}  // namespace symmem::cli
