// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "symmem/device.hpp"
#include "symmem/options.hpp"
#include "symmem/extend/store.hpp"

namespace symmem {

class FdService;
class Gpus;
class Log;

/// What a Context lends to the transports it makes; outlives them.
struct TransportEnvironment {
  const Options& options;
  const std::string& host_id;
  const Process& process;
  FdService& fds;
  Log& log;
  std::shared_ptr<Gpus> gpus = nullptr;  ///< Null in a build without CUDA.
};

/// A transport as a list of them names it: once for each kind of memory that it carries.
struct Carrier {
  std::string_view transport;
  DeviceType device;
};

}  // namespace symmem
