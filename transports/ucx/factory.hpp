// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/transport_environment.hpp"
#include "symmem/transport.hpp"

namespace symmem::ucx {

inline constexpr DeviceType kDevices[] = {DeviceType::host};

/// Any two hosts, by UCX remote keys and active messages. Starts nothing until a block is exported.
std::shared_ptr<Transport> make_transport(const TransportEnvironment& environment);

}  // namespace symmem::ucx
