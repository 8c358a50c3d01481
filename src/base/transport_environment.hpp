// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "symmem/options.hpp"

namespace symmem {

class EventLoop;
class FdService;
class Log;

/// What a Context lends to the transports it makes; outlives them.
struct TransportEnvironment {
  const Options& options;
  const std::string& host_id;
  EventLoop& loop;
  FdService& fds;
  Log& log;
};

}  // namespace symmem
