// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "transport_environment.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::shm {

/// Shared memory of one host: the peer's memfd, opened by way of /proc or else fetched by
/// SCM_RIGHTS, and mapped.
inline constexpr Carrier kCarriers[] = {{"shm", DeviceType::host}};
std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment);

}  // namespace symmem::shm
