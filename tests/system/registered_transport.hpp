// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "system/local_transport.hpp"
#include "system/system.hpp"

/// For tests of transports that ranks register: which of them carries memory, and how they fail.
namespace symmem::harness {

using Adjust = std::function<void(Options&)>;

inline Adjust transports(std::vector<std::string> names) {
  return [names](Options& options) { options.transports = names; };
}

/// Puts the transport that ranks register before the built-in one.
inline const Adjust kMineFirst = transports({"mine", "shm"});

/// Registers a transport that `spoil` may make fail.
inline void add_mine(Context& context, const std::function<void(LocalTransport&)>& spoil,
                     const std::string& name = "mine") {
  const auto transport = std::make_shared<LocalTransport>(name);
  spoil(*transport);
  context.register_transport(DeviceType::host, transport);
}

/// Rendezvous over what is registered, and a ring of puts through it.
inline std::shared_ptr<SymmetricMemory> use(Context& context, std::int64_t bytes = 64) {
  const Tensor tensor = bytes_tensor(context, bytes);
  auto memory = context.rendezvous(tensor);
  check_ring(*memory, tensor);
  return memory;
}

}  // namespace symmem::harness
