// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem {

/// Returns the name of this host for use in messages. Several hosts may have the same name.
std::string host_name();

/// Returns an id of this host: boot id, IPC namespace and, if requested, network namespace. Request
/// the network namespace if abstract sockets are used, which work only within one network
/// namespace. Sockets in SYMMEM_SOCKET_DIR do not depend on the network namespace. Processes with
/// equal ids can probably share memory; equal ids do not guarantee this.
std::string measure_host_id(bool with_network_namespace);

}  // namespace symmem
