// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_handle.hpp"

namespace symmem::cli {

/// A network of simulated hosts: each has a network namespace of its own, whose eth0 is the end of
/// a veth pair. The other ends meet at a bridge in one more namespace. None of them has a name, and
/// nothing is in ours: all goes with this object and the processes inside, also if they are killed.
class HostNetwork {
 public:
  static constexpr int kMostHosts = 253;

  /// Needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN, and the command `ip`: Error if there is none.
  explicit HostNetwork(int hosts);

  /// Borrowed; as ChildCommand takes it.
  int namespace_of(int host) const { return hosts_.at(static_cast<std::size_t>(host)).get(); }
  static std::string address_of(int host);
  /// Of the bridge, which all hosts reach.
  static std::string bridge_address();
  /// Runs `body` in a thread that is beside the bridge.
  void run_at_bridge(const std::function<void()>& body) const;

 private:
  Fd bridge_;
  std::vector<Fd> hosts_;
};

}  // namespace symmem::cli
