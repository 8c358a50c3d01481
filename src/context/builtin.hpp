// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "gpu/gpu.hpp"
#include "transport_environment.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/extend/transport.hpp"

/// What the core needs of its siblings, which it knows by their interfaces only. builtin.cpp is the
/// one file that includes them all.
namespace symmem {

struct BuiltinTransport {
  DeviceType device;
  std::shared_ptr<Transport> transport;
};

/// The transports this library was built with, best first (transports/CMakeLists.txt).
std::vector<BuiltinTransport> make_builtin_transports(const TransportEnvironment& environment);
/// The same by what they carry, and by name alone.
std::vector<Carrier> builtin_carriers();
std::vector<std::string> builtin_transport_names();

/// The GPUs of this host; null in a build without CUDA.
std::shared_ptr<Gpus> make_builtin_gpus();
/// The makers of every kind of memory that this library was built for.
std::vector<std::shared_ptr<BlockMaker>> make_builtin_block_makers(
    const std::shared_ptr<Gpus>& gpus, const Options& options);
/// The maker of host memory that GPUs load from: for pads that are written by network.
std::shared_ptr<BlockMaker> make_builtin_pinned_maker(const std::shared_ptr<Gpus>& gpus);

/// A TCP store whose client runs on `loop`.
std::shared_ptr<KeyValueStore> connect_store(const TcpStoreOptions& options, const Process& process,
                                             std::shared_ptr<EventLoop> loop);

/// The shared secret that the options give, themselves or by a file; empty if none.
std::string store_secret(const Options& options);

}  // namespace symmem
