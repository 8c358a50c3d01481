// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::cuda_ipc {

/// The transport cuda_ipc, for GPU memory of ranks on one host or on hosts with a common NVLink
/// fabric. Maps the peer's memory from a descriptor, a fabric handle or, for cudaMalloc memory, a
/// CUDA IPC handle.
inline constexpr Carrier kCarriers[] = {{"cuda_ipc", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::cuda_ipc
