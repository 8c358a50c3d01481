// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

namespace symmem {

/// Host memory that this process can still allocate, in bytes. A value is empty if the system does
/// not report it.
struct AvailableMemory {
  std::optional<std::size_t> host;  ///< MemAvailable from /proc/meminfo.
  /// Smallest (limit - usage) of this process's cgroup and its ancestors; v1 and v2.
  std::optional<std::size_t> cgroup;
};
/// Reads both values from the system; takes about 0.1 ms.
AvailableMemory available_memory();

/// Returns the available bytes. Throws Error(exhausted) with the requested and the available sizes
/// if `bytes` exceed the available memory.
std::size_t require_available(std::size_t bytes);

}  // namespace symmem
