// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem {

/// Returns the name of this host, for messages. It does not identify the host.
std::string host_name();

/// Returns the identity of this host: boot id, IPC namespace and, if requested, network namespace.
/// Abstract sockets work only within one network namespace; sockets in SYMMEM_SOCKET_DIR do not
/// depend on it. Equal ids suggest that memory can be shared; they do not prove it.
std::string measure_host_id(bool with_network_namespace);

}  // namespace symmem
