// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "harness/ranks.hpp"

namespace symmem::harness {

/// True if UCX can be opened here; else says why not, and the test case is skipped.
bool can_use_ucx();

/// True if there is a GPU and the UCX here, as the environment configures it, takes its memory for
/// what it is; else says so, and the test case is skipped.
bool can_use_ucx_with_cuda();

/// Lets two Contexts of this process meet by UCX and end: what UCX keeps for ever it has then.
void use_ucx_once();

/// The id of the simulated host on which `rank` is, `per_host` ranks to a host.
inline std::string host_of(int rank, int per_host = 1) {
  return "host" + std::to_string(rank / per_host);
}

/// Puts `count` ranks, as processes, on simulated hosts.
inline RanksSettings on_hosts(int count, int per_host = 1, RanksSettings settings = {}) {
  for (int rank = 0; rank < count; ++rank)
    settings.environment_of[rank]["SYMMEM_HOST_ID"] = host_of(rank, per_host);
  return settings;
}

}  // namespace symmem::harness
