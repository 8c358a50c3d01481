// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "transport_environment.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::cuda_ipc {

/// GPU memory of one host, and of hosts joined by a fabric: mapped from a descriptor, a fabric
/// handle or, for memory of cudaMalloc, CUDA's older IPC handle.
inline constexpr Carrier kCarriers[] = {{"cuda_ipc", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::cuda_ipc
