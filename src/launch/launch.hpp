// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace symmem {

/// Address of the job's store. The store listens on the first free port of `port_count` consecutive
/// ports. Clients try these ports in order and skip a port at which another program or job answers.
struct StoreAddress {
  std::string host;
  std::uint16_t first_port = 0;
  int port_count = 1;
  std::string job;  ///< Distinguishes jobs whose port ranges overlap.

  /// Returns the address for logs: "host:29500(+7)/job", where 7 is the number of ports after the
  /// first port.
  std::string text() const;
  friend bool operator==(const StoreAddress&, const StoreAddress&) = default;
};

/// The rank and world size of this process, and the address of the store.
struct Launch {
  int rank = 0;
  int world_size = 1;
  std::optional<int> local_rank;       ///< Empty if unknown.
  std::optional<StoreAddress> store;   ///< Empty if unknown or if not set for a single rank.
  std::string origin = "single rank";  ///< The source of these values: "torchrun".
  std::vector<std::string> warnings;

  /// Returns a description for logs: "rank 3/8 local 3 (torchrun)".
  std::string text() const;
};

/// Returns launch.store. If it is empty, throws Error(invalid_argument) with the way to set it.
const StoreAddress& store_address(const Launch& launch);

}  // namespace symmem
