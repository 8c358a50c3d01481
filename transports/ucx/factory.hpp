// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::ucx {

/// Transports between any two hosts, by UCX remote keys and active messages. UCX starts when the
/// first block is exported. `ucx` carries GPU memory where UCX accesses it; `ucx_staged` does
/// without, by messages staged through host memory. It has a name of its own because it is much
/// slower.
inline constexpr Carrier kCarriers[] = {
    {"ucx", DeviceType::host}, {"ucx", DeviceType::cuda}, {"ucx_staged", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::ucx
