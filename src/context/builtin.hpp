// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

/// What this library was built with. builtin.cpp is the one file that includes the transports and
/// the makers of memory.
namespace symmem {

struct BuiltinTransport {
  DeviceType device;
  std::shared_ptr<Transport> transport;
};

/// The built-in transports, best first (transports/CMakeLists.txt).
std::vector<BuiltinTransport> make_builtin_transports(const TransportEnvironment& environment);
/// The transports and the device types that they carry, best first; and their names alone.
std::vector<Carrier> builtin_carriers();
std::vector<std::string> builtin_transport_names();

/// The GPUs of this host; null in a build without CUDA.
std::unique_ptr<Gpus> make_builtin_gpus();
/// One maker for each device type.
std::vector<std::unique_ptr<BlockMaker>> make_builtin_block_makers(Gpus* gpus,
                                                                   const Options& options);
/// Makes pinned host memory, for pads that the network writes and GPUs read; null in a build
/// without CUDA.
std::unique_ptr<BlockMaker> make_builtin_pinned_maker(Gpus* gpus);

}  // namespace symmem
