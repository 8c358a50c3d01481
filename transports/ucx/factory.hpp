// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "transport_environment.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::ucx {

/// Any two hosts, by UCX remote keys and active messages. Starts nothing until a block is exported.
/// GPU memory goes by `ucx` where UCX itself works on it; else by messages alone, staged through
/// host memory, and under another name, so that nobody takes the slow way unawares.
inline constexpr Carrier kCarriers[] = {
    {"ucx", DeviceType::host}, {"ucx", DeviceType::cuda}, {"ucx_staged", DeviceType::cuda}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::ucx
