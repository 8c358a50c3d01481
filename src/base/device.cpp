// SPDX-License-Identifier: Apache-2.0
#include "symmem/device.hpp"

namespace symmem {

std::string to_string(DeviceType type) {
  switch (type) {
    case DeviceType::host: return "host";
    case DeviceType::cuda: return "cuda";
  }
  return "device type " + std::to_string(static_cast<std::int32_t>(type));
}

std::string to_string(const Device& device) {
  if (device.type == DeviceType::host) return "host";
  return to_string(device.type) + ":" + std::to_string(device.index);
}

}  // namespace symmem
