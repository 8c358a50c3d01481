// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_handle.hpp"

namespace symmem::cli {

/// A network of simulated hosts. Each host is a network namespace with one end of a veth pair as
/// eth0; a bridge in a further namespace connects the other ends. The namespaces are unnamed, and
/// the namespace of the caller does not change. The kernel removes the network when this object and
/// all processes in the namespaces are gone, even if they were killed.
class HostNetwork {
 public:
  static constexpr int kMaxHosts = 253;

  /// Creates the network. Throws Error(refused) without root or CAP_SYS_ADMIN and CAP_NET_ADMIN,
  /// and Error(unsupported) if the command `ip` is missing.
  explicit HostNetwork(int hosts);

  /// Returns a borrowed descriptor for ChildCommand::network_namespace.
  int namespace_of(int host) const { return hosts_.at(static_cast<std::size_t>(host)).get(); }
  static std::string address_of(int host);
  /// Returns the address of the bridge, to which all hosts can connect.
  static std::string bridge_address();
  /// Runs `body` in a new thread in the namespace of the bridge.
  void run_at_bridge(const std::function<void()>& body) const;

 private:
  Fd bridge_;
  std::vector<Fd> hosts_;
};

}  // namespace symmem::cli
