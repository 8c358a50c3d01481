// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "symmem/device.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/options.hpp"

namespace symmem {

class FdService;
class Gpus;
class Log;

/// Objects that a Context passes to its transports. They outlive the transports.
struct TransportEnvironment {
  const Options& options;
  const std::string& host_id;
  const Process& process;
  FdService& fds;
  Log& log;
  Gpus* gpus = nullptr;  ///< Null in a build without CUDA.
};

/// A transport name and a device type whose memory this transport supports.
struct Carrier {
  std::string_view transport;
  DeviceType device;
};

}  // namespace symmem
