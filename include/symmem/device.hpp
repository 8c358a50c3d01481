// SPDX-License-Identifier: Apache-2.0
/// Device: the location of memory, either the host or one GPU.
///
///   auto on_host = context.allocate<float>(1024);
///   auto on_gpu = context.allocate<float>(1024, symmem::Device::cuda(0));
#pragma once

#include <cstdint>
#include <string>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// Device types, with the values of DLDeviceType in DLPack 1.1.
enum class DeviceType : std::int32_t { host = 1, cuda = 2 };

struct Device {
  DeviceType type = DeviceType::host;
  int index = 0;  ///< The GPU's ordinal in this process; 0 for the host.

  static constexpr Device cuda(int index) { return {DeviceType::cuda, index}; }
  friend bool operator==(const Device&, const Device&) = default;
};

std::string to_string(DeviceType type);  ///< "host", "cuda", or "device type 7" for the value 7.
std::string to_string(const Device& device);  ///< "host", "cuda:1".

}  // namespace symmem
