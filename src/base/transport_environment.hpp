// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "symmem/options.hpp"
#include "symmem/store.hpp"

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

}  // namespace symmem
