// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem {

/// The host's name, for people: it identifies nothing.
std::string host_name();

/// What tells hosts apart: the boot id and the IPC namespace, and the network namespace too if
/// asked to. Abstract sockets belong to one; those in SYMMEM_SOCKET_DIR do not. Equal ids are a
/// hint that memory can be shared, never a proof.
std::string measure_host_id(bool with_network_namespace);

}  // namespace symmem
