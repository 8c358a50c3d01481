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

/// What a Context passes to its transports. Outlives them.
struct TransportEnvironment {
  const Options& options;
  const std::string& host_id;
  const Process& process;
  FdService& fds;
  Log& log;
  Gpus* gpus = nullptr;  ///< Null in a build without CUDA.
};

/// An entry in the list of transports: a transport name and one device type whose memory it
/// carries.
struct Carrier {
  std::string_view transport;
  DeviceType device;
};

}  // namespace symmem
