// SPDX-License-Identifier: Apache-2.0
#include "launch/launch.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace symmem {

std::string StoreAddress::text() const {
  return fmt::format("{}:{}{}{}{}", host, first_port,
                     port_count > 1 ? fmt::format("(+{})", port_count - 1) : "",
                     job.empty() ? "" : "/", job);
}

std::string Launch::text() const {
  return fmt::format("rank {}/{}{} ({})", rank, world_size,
                     local_rank ? fmt::format(" local {}", *local_rank) : "", origin);
}

const StoreAddress& store_address(const Launch& launch) {
  require(launch.store.has_value(), Errc::invalid_argument,
          "rank {} of {} ({}) has no address of the store: set SYMMEM_STORE=tcp://host:port to the "
          "same value on all ranks, where host runs rank 0 or a `symmem store`",
          launch.rank, launch.world_size, launch.origin);
  return *launch.store;
}

}  // namespace symmem
