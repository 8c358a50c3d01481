// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Where the store of this job is to be found: at the first of `port_count` ports at which it, and
/// not some other program or job, answers. Rank 0 listens at the first that is free.
struct StoreAddress {
  std::string host;
  std::uint16_t first_port = 0;
  int port_count = 1;
  std::string job;  ///< Keeps apart jobs whose ports meet.

  /// For the log: "host:29500(+7)/job", up to 7 ports after that one.
  std::string text() const;
  friend bool operator==(const StoreAddress&, const StoreAddress&) = default;
};

/// Who this process is among the ranks that were started together.
struct Launch {
  int rank = 0;
  int world_size = 1;
  std::optional<int> local_rank;    ///< Empty: nobody says.
  std::optional<StoreAddress> store;  ///< Empty: one rank alone, or nobody says; see store_address().
  std::string origin = "one rank alone";  ///< Who says so: "torchrun".
  std::vector<std::string> warnings;

  /// For the log: "rank 3/8 local 3 (torchrun)".
  std::string text() const;
};

/// Finds out from the options, else from the variables of the launcher: torchrun, Open MPI, PMI and
/// PMIx, PALS, Flux, Slurm, bare RANK and WORLD_SIZE; else this is one rank alone. Local rank and
/// store may come from a launcher further down that agrees on rank and world size, since some
/// (srun with PMI) set the variables of several.
///
/// Throws Error(invalid_argument) naming the variable for half a pair, junk and ranks out of range.
Launch find_launch(const Options& options, const Environment& environment);

/// The launch's store; Error(invalid_argument) that says how to name one if there is none.
const StoreAddress& store_address(const Launch& launch);

}  // namespace symmem
