// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::cuda_ipc {

/// GPU memory within one host, or within hosts that share a fabric: maps the peer's memory by a
/// descriptor, a fabric handle or, for cudaMalloc memory, a CUDA IPC handle.
inline constexpr Carrier kCarriers[] = {{"cuda_ipc", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::cuda_ipc
