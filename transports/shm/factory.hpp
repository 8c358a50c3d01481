// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "transport_environment.hpp"

namespace symmem::shm {

/// Shared memory within one host: maps the peer's memfd, opened through /proc or passed by
/// SCM_RIGHTS.
inline constexpr Carrier kCarriers[] = {{"shm", DeviceType::host}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::shm
