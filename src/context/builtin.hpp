// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

/// The transports and block makers that this library was built with. Only builtin.cpp includes
/// their headers.
namespace symmem {

struct BuiltinTransport {
  DeviceType device;
  std::shared_ptr<Transport> transport;
};

/// Creates the built-in transports, in the order of preference from transports/CMakeLists.txt.
std::vector<BuiltinTransport> make_builtin_transports(const TransportEnvironment& environment);
/// Returns each pair of a built-in transport and a supported device type, in order of preference.
std::vector<Carrier> builtin_carriers();
/// Returns the names of the built-in transports, in order of preference.
std::vector<std::string> builtin_transport_names();

/// Returns the GPUs of this host, or null in a build without CUDA.
std::unique_ptr<Gpus> make_builtin_gpus();
/// Creates one block maker for each device type.
std::vector<std::unique_ptr<BlockMaker>> make_builtin_block_makers(Gpus* gpus,
                                                                   const Options& options);
/// Creates the block maker for pinned host memory, which contains the pads that the network writes
/// and GPUs read. Returns null in a build without CUDA.
std::unique_ptr<BlockMaker> make_builtin_pinned_maker(Gpus* gpus);

}  // namespace symmem
