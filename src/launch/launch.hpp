// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace symmem {

/// Address of the job's store. The store listens at the first free one of `port_count` consecutive
/// ports; clients try these ports in order and skip those where another program or job answers.
struct StoreAddress {
  std::string host;
  std::uint16_t first_port = 0;
  int port_count = 1;
  std::string job;  ///< Distinguishes jobs whose port ranges overlap.

  /// Returns the address for logs: "host:29500(+7)/job", where +7 are the ports after the first.
  std::string text() const;
  friend bool operator==(const StoreAddress&, const StoreAddress&) = default;
};

/// The identity of this process among the ranks that were started together.
struct Launch {
  int rank = 0;
  int world_size = 1;
  std::optional<int> local_rank;          ///< Empty: unknown.
  std::optional<StoreAddress> store;      ///< Empty: unknown, or not needed by one rank alone.
  std::string origin = "one rank alone";  ///< The source of these values: "torchrun".
  std::vector<std::string> warnings;

  /// Returns the identity for logs: "rank 3/8 local 3 (torchrun)".
  std::string text() const;
};

/// Returns launch.store. Throws Error(invalid_argument) that says how to set it if it is empty.
const StoreAddress& store_address(const Launch& launch);

}  // namespace symmem
