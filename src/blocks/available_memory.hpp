// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

namespace symmem {

/// Host memory that this process can still allocate, in bytes; empty where the system does not say.
struct AvailableMemory {
  std::optional<std::size_t> host;    ///< MemAvailable of /proc/meminfo.
  std::optional<std::size_t> cgroup;  ///< Smallest (limit - usage) up the tree, cgroups v1 and v2.
};
/// Reads both from the system, which takes about 0.1 ms.
AvailableMemory available_memory();

/// Throws Error(exhausted) with all figures unless `bytes` fit into the available memory. Returns
/// the available bytes.
std::size_t require_available(std::size_t bytes);

}  // namespace symmem
