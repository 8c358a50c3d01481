// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// Kinds of memory. The values are those of DLPack 1.1 (DLDeviceType).
enum class DeviceType : std::int32_t { host = 1, cuda = 2 };

struct Device {
  DeviceType type = DeviceType::host;
  int index = 0;  ///< Ordinal as this process sees it; 0 for the host.

  friend bool operator==(const Device&, const Device&) = default;
};

/// "host", "cuda"; "device type 7" for a type that has no name here.
std::string to_string(DeviceType type);
/// "host", "cuda:1".
std::string to_string(const Device& device);

}  // namespace symmem
