// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "harness/ranks.hpp"

namespace symmem::harness {

/// Returns whether UCX can be opened here; if not, skips the test case with the reason.
bool can_use_ucx();

/// Returns whether a GPU is visible and UCX, with the settings in the environment, supports GPU
/// memory; if not, skips the test case with the reason.
bool can_use_ucx_with_cuda();

/// Runs two Contexts in this process over UCX and ends them. A later check for leaks then does not
/// count the resources that UCX never releases.
void use_ucx_once();

/// Returns the id of the simulated host of `rank`, with `per_host` ranks on each host.
inline std::string host_of(int rank, int per_host = 1) {
  return "host" + std::to_string(rank / per_host);
}

/// Returns settings that assign `count` rank processes to simulated hosts.
inline RanksSettings on_hosts(int count, int per_host = 1, RanksSettings settings = {}) {
  for (int rank = 0; rank < count; ++rank)
    settings.environment_of[rank]["SYMMEM_HOST_ID"] = host_of(rank, per_host);
  return settings;
}

}  // namespace symmem::harness
