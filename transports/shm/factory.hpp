// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::shm {

/// The transport shm, for host memory of ranks on one host. Maps the peer's memfd, which it opens
/// through /proc or receives through SCM_RIGHTS.
inline constexpr Carrier kCarriers[] = {{"shm", DeviceType::host}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::shm
