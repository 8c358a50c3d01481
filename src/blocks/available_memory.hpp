// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

namespace symmem {

/// Memory that this process may still take, in bytes; empty where the system does not say.
struct AvailableMemory {
  std::optional<std::size_t> host;    ///< MemAvailable of /proc/meminfo.
  std::optional<std::size_t> cgroup;  ///< Smallest limit minus usage, up the tree (v1 and v2).
};
AvailableMemory available_memory();

}  // namespace symmem
