// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::ucx {

/// Transports between any two hosts, with UCX remote keys and active messages. UCX is started when
/// the first block is exported. For GPU memory, the transport `ucx` requires a UCX with CUDA
/// support. The transport `ucx_staged` stages the data in host memory instead; it is much slower
/// and therefore has a separate name.
inline constexpr Carrier kCarriers[] = {
    {"ucx", DeviceType::host}, {"ucx", DeviceType::cuda}, {"ucx_staged", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::ucx
