// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "system/local_transport.hpp"
#include "system/system.hpp"

/// Helpers for tests of transports that ranks register.
namespace symmem::harness {

using Adjust = std::function<void(Options&)>;

inline Adjust transports(std::vector<std::string> names) {
  return [names](Options& options) { options.transports = names; };
}

/// Puts the registered transport "mine" before the built-in one.
inline const Adjust kMineFirst = transports({"mine", "shm"});

/// Registers a LocalTransport. `adjust` may set its hooks.
inline void add_mine(Context& context, const std::function<void(LocalTransport&)>& adjust,
                     const std::string& name = "mine") {
  const auto transport = std::make_shared<LocalTransport>(name);
  adjust(*transport);
  context.register_transport(DeviceType::host, transport);
}

/// Makes a rendezvous and runs a ring of puts over it.
inline std::shared_ptr<SymmetricMemory> use(Context& context, std::size_t bytes = 64) {
  const auto buffer = allocate(context, bytes);
  auto memory = context.rendezvous(buffer);
  check_ring(*memory);
  return memory;
}

}  // namespace symmem::harness
